"""fakepve 0.5.0, corrected where real Proxmox VE was recorded to behave differently.

One method for each correction; what it corrects stands in its docstring.
"""

import json
import math
import urllib.parse

from aiohttp import web

from fakepve import schema, server
from fakepve.lxc import SIZE_UNITS, format_size
from fakepve.model import PveError, TaskError
from fakepve.qemu import join_drive, split_drive

JSON = 'application/json'
# Any one of these lets a user change something of a guest's configuration.
CONFIG_PRIVILEGES = tuple('VM.Config.' + name for name in (
    'Disk', 'CDROM', 'CPU', 'Memory', 'Network', 'HWType', 'Options', 'Cloudinit'))
CONFIG_PATH = '/nodes/{node}/qemu/{vmid}/config'
# Config keys that only the user root@pam sets, never a token.
ROOT_ONLY = ('hookscript', 'args', 'lock')


def decode_form(text):
    """A form as pveproxy decodes it: pairs are split at every '=', so a value ends at its first raw one."""
    pairs = []
    for pair in text.split('&'):
        if not pair:
            continue
        words = pair.split('=')
        value = words[1] if len(words) > 1 else ''
        pairs.append((urllib.parse.unquote_plus(words[0]), urllib.parse.unquote_plus(value)))
    return server.collect(pairs)


async def params(request):
    """As fakepve's, but for forms."""
    out = server.collect(request.query.items())
    body = await request.read()
    if not body or request.content_type == 'multipart/form-data':
        return out
    if request.content_type == JSON:
        try:
            data = json.loads(body)
        except ValueError as wrong:
            raise PveError(500, 'malformed JSON string, {0}'.format(wrong)) from wrong
        out.update(data)
        return out
    out.update(decode_form(body.decode()))
    return out


# Its handlers look the name up in their module at each call.
server.params = params


@web.middleware
async def bare_unauthorized(request, handler):
    """401 has no body: the reason stands in the status line alone."""
    answer = await handler(request)
    if answer.status == 401:
        reason = 'No ticket' if 'Authorization' not in request.headers else 'Authentication failed!'
        return web.Response(status=401, reason=reason)
    return answer


class ProxmoxPve(server.FakePve):
    """fakepve with the behaviour of recorded servers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # Volume ids of executable snippets.
        self.snippets = {'local:snippets/phoenix-hook.sh'}
        # PVE seconds the copy of a clone takes, and the percentage at which it fails.
        self.clone_secs = 0
        self.clone_fails_at = None

    def _build_app(self):
        app = super()._build_app()
        app.middlewares.insert(0, bare_unauthorized)
        return app

    # --------------------------------------------------------------- resize

    def _routes_resize(self):
        return [('PUT', '/nodes/{node}/qemu/{vmid}/resize', self._resize)]

    async def _resize(self, values, user):
        """fakepve answers with a UPID and changes nothing. Real: a task that grows the disk, or fails."""
        node, vmid = values['node'], int(values['vmid'])
        self.need_quorum()

        async def body():
            vm = self.vm(vmid)
            if vm is None or vm.node != node:
                raise TaskError(missing(node, vmid))
            if vm.lock:
                raise TaskError('VM is locked ({0})'.format(vm.lock))
            return self._grow(vm, values['disk'], values['size'])
        return await self.task(node, 'resize', vmid, user, body, vm=self.vm(vmid))

    def _grow(self, vm, disk, size):
        if disk not in vm.config:
            raise TaskError("disk '{0}' does not exist".format(disk))
        volume, props = split_drive(vm.config[disk])
        old = size_bytes(props.get('size', '0'))
        new = size_bytes(size.lstrip('+')) + (old if size.startswith('+') else 0)
        if new < old:
            raise TaskError('shrinking disks is not supported')
        if new == old:
            return None
        props['size'] = format_size(new)
        vm.config[disk] = join_drive(volume, props)
        stored = self._qm_volume(volume)
        if stored:
            stored['size'] = new
        return 'Image resized.' if vm.status == 'stopped' else None

    # --------------------------------------------------------------- config

    def _check_config_rights(self, request):
        vmid, user = request.match_info['vmid'], request[server.USER]
        if not any(self.allowed(user, '/vms/' + vmid, privilege) for privilege in CONFIG_PRIVILEGES):
            wanted = '|'.join(CONFIG_PRIVILEGES)
            raise PveError(403, 'Permission check failed (/vms/{0}, {1})'.format(vmid, wanted))

    async def _config_put(self, request):
        """Without any right on the configuration the refusal names them all."""
        self._check_config_rights(request)
        return await super()._config_put(request)

    async def _config_post(self, request):
        self._check_config_rights(request)
        return await super()._config_post(request)

    async def _apply_config(self, vm, user, p):
        """Snippets are looked at first (400), then who asks: 500 for every token, root@pam's too."""
        if not [key for key in p if key not in ('node', 'vmid', 'digest', 'skiplock')]:
            raise PveError(500, 'no options specified')
        if p.get('skiplock') and user != 'root@pam':
            raise server.bad_request(skiplock='Only root may use this option.')
        hookscript = p.get('hookscript')
        if hookscript and hookscript not in self.snippets:
            raise server.bad_request(
                hookscript="script '{0}' does not exist\n".format(hookscript))
        deleted = str(p.get('delete') or '').replace(';', ',').split(',')
        for key in deleted:
            if key and not is_known(key):
                raise server.bad_request(delete="unknown option '{0}'".format(key))
        for key in ROOT_ONLY:
            if user != 'root@pam' and (key in p or key in deleted):
                raise PveError(500, "only root can set '{0}' config".format(key))
        if 'startup' in p:
            self.require(user, '/', 'Sys.Modify')
        p = dict((key, value) for key, value in p.items() if key not in ('node', 'vmid'))
        await super()._apply_config(vm, user, p)

    def _config_priv(self, key):
        """Cloud-init has a privilege of its own."""
        if key in ('ciuser', 'cipassword', 'sshkeys', 'nameserver', 'searchdomain', 'citype',
                   'ciupgrade') or key.startswith('ipconfig'):
            return 'VM.Config.Cloudinit'
        return super()._config_priv(key)

    async def _config_get(self, request):
        """Without `current` the pending values show."""
        vm = self._vm(request, 'VM.Audit')
        config = dict(vm.config)
        if str((await params(request)).get('current', '0')) not in ('1', 'true'):
            for key, value in vm.pending.items():
                config.pop(key, None)
                if value is not None:
                    config[key] = value
        if 'memory' in config:
            config['memory'] = str(config['memory'])
        config['digest'] = vm.digest()
        return server.ok(config)

    def _vm(self, request, priv=None):
        """Rights come first: a token without them learns nothing of guests that are not there."""
        if priv:
            vmid = request.match_info['vmid']
            self.require(request[server.USER], '/vms/{0}'.format(vmid), priv)
        return super()._vm(request, priv)

    # ---------------------------------------------------------------- power

    async def _status_action(self, request):
        """The start of a guest that is not there is a task that fails."""
        action, vmid = request.match_info['action'], int(request.match_info['vmid'])
        node = request.match_info['node']
        if action != 'start' or self.vm(vmid) is not None:
            return await super()._status_action(request)
        self.require(request[server.USER], '/vms/{0}'.format(vmid), 'VM.PowerMgmt')

        async def body():
            raise TaskError(missing(node, vmid))
        return server.ok(await self.task(node, 'qmstart', vmid, request[server.USER], body))

    # ---------------------------------------------------------------- clone

    async def _qm_clone(self, values, user):
        """The source is missed in other words than elsewhere."""
        source = self.vm(int(values['vmid']))
        if source is None or source.node != values['node']:
            raise PveError(500, "unable to find configuration file for VM {0} on node '{1}'".format(
                values['vmid'], values['node']))
        return await super()._qm_clone(values, user)

    async def _copy(self, record, vm):
        """The copy takes time, tells how far it is, and may fail on the way."""
        bytes_all = self._vm_maxdisk(self.vm(int(record['id'])))
        for percent in range(0, 101, 10):
            record['log'].append('transferred {0} of {1} ({2}.00%)'.format(
                human(bytes_all * percent // 100), human(bytes_all), percent))
            if self.clone_fails_at is not None and percent >= self.clone_fails_at:
                self.vms.remove(vm)
                raise TaskError('clone failed: copy failed: got signal 9')
            await self.pause(self.clone_secs / 10)

    def _renew_cloud_init(self, vm):
        """A clone has a cloud-init image of its own; fakepve keeps the source's."""
        for key, value in list(vm.config.items()):
            volume, props = split_drive(str(value))
            if 'cloudinit' in volume:
                storage, _, name = volume.partition(':')
                image = name.rpartition('.')[2]
                props['size'] = '4M'
                own = '{0}:{1}/vm-{1}-cloudinit.{2}'.format(storage, vm.vmid, image)
                vm.config[key] = join_drive(own, props)

    # ---------------------------------------------------------------- tasks

    async def task(self, node, ttype, tid, user, body, vm=None, lock=True, log=()):
        """Logs end as real ones do, an empty line before an error; a clone's has its progress."""
        async def logged():
            record = self.tasklog[-1] if upid is None else self.tasks[upid]
            if ttype == 'qmclone' and vm is not None:
                await self._copy(record, vm)
                self._renew_cloud_init(vm)
            return await body()
        upid = None
        upid = await super().task(node, ttype, tid, user, logged, vm=vm, lock=lock, log=log)
        return upid

    async def _task_log(self, request):
        """The log of an unknown task is one line that says so; answers count their lines."""
        p = await params(request)
        task = self.tasks.get(request.match_info['upid'])
        if task is None:
            lines = ['unable to open file - No such file or directory']
        else:
            self._see(request, task)
            lines = list(task['log'])
            # fakepve has the error twice, Proxmox an empty line and the error.
            if lines and lines[-1].startswith('TASK ERROR'):
                lines[-2:] = ['', lines[-1]] if len(lines) > 2 else [lines[-1]]
        start, limit = int(p.get('start') or 0), int(p.get('limit') or 50)
        numbered = [{'n': n + 1, 't': line} for n, line in enumerate(lines)]
        return web.json_response({'data': numbered[start:start + limit], 'total': len(lines)})

    async def _task_status(self, request):
        """An unknown task is 400."""
        task = self.tasks.get(request.match_info['upid'])
        if task is None:
            raise PveError(400, 'no such task')
        self._see(request, task)
        return server.ok(self._task_view(task))

    def _see(self, request, task):
        user = request[server.USER]
        if not self._task_owner(user, task):
            self.require(user, '/nodes/' + task['node'], 'Sys.Audit')


def is_known(key):
    """Whether a configuration may have this key (`net0` stands as `net[n]` in the schema)."""
    known = schema.load().paths[CONFIG_PATH]['PUT']['parameters']['properties']
    return key in known or key.rstrip('0123456789') + '[n]' in known


def missing(node, vmid):
    return "Configuration file 'nodes/{0}/qemu-server/{1}.conf' does not exist".format(node, vmid)


def size_bytes(text):
    """`10G`, `512M` or plain bytes."""
    unit = SIZE_UNITS.get(text[-1:].upper())
    return int(float(text[:-1]) * unit) if unit else int(text or 0)


def human(count):
    """`1.0 GiB`, `102.4 MiB`, `0.0 B`."""
    units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
    power = min(int(math.log(count, 1024)) if count else 0, len(units) - 1)
    return '{0:.1f} {1}'.format(count / 1024 ** power, units[power])
