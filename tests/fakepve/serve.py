"""Serves the corrected fakepve for one test: `serve.py FOLDER < commands`.

Prints a JSON line when it listens: {"url", "ca" (PEM file), "fingerprint" (SHA-256 of the certificate)}. Then every
line on stdin is a command {"do": name, ...}, answered by a line {"ok": value} or {"wrong": text}. It ends with stdin.
"""

import asyncio
import hashlib
import json
import sys

from fakepve.certs import make_cert

from corrections import ProxmoxPve

HOST = '127.0.0.1'


class Commands:
    """What a test may ask; a method each."""

    def __init__(self, pve):
        self.pve = pve

    async def add_vm(self, vmid, name, config, template=False, status='stopped', node='pve1', lock=None):
        vm = self.pve.add_vm(vmid, name, node=node, status=status, config=config, template=template, lock=lock)
        if template:
            vm.config['template'] = 1
        for key, value in config.items():
            self._register_volume(vmid, key, str(value))

    def _register_volume(self, vmid, key, value):
        """A disk of a guest is a volume of its storage, so that it can be cloned and freed."""
        volume, _, options = value.partition(',')
        storage, _, name = volume.partition(':')
        if storage not in self.pve.storages or not name or not key.startswith(('scsi', 'ide', 'virtio', 'sata')):
            return
        volumes = self.pve.storages[storage].setdefault('volumes', {})
        gib = options.partition('size=')[2].partition('G')[0]
        size = int(gib) * 1024 ** 3 if gib.isdigit() else 4 * 1024 ** 2
        volumes[name] = {'content': 'images', 'format': name.rpartition('.')[2], 'size': size, 'vmid': vmid,
                         'ctime': 0}

    async def add_token(self, token, secret, grants=None):
        """A token of another user than root has the rights that are granted, and none else."""
        self.pve.apitokens[token] = secret
        if grants is not None:
            self.pve.acl = self.pve.acl or {}
            for path, privileges in grants:
                self.pve.grant(token, path, *privileges)

    async def add_node(self, name, online=True):
        self.pve.add_node(name, online)

    async def node_online(self, name, online):
        self.pve.set_node_offline(name, not online)

    async def quorum(self, quorate):
        self.pve.quorate = quorate

    async def clone(self, seconds=0, fails_at=None):
        self.pve.clone_secs, self.pve.clone_fails_at = seconds, fails_at

    async def hold_lock(self, vmid, seconds=None):
        await self.pve.hold_config_lock(vmid, seconds)

    async def release_lock(self, vmid):
        self.pve.release_config_lock(vmid)

    async def lock(self, vmid, lock=None):
        vm = self.pve.vm(vmid)
        self.pve._qm_lock(vm, lock)

    async def snippet(self, volume, there=True):
        (self.pve.snippets.add if there else self.pve.snippets.discard)(volume)

    async def fail(self, method, suffix, status, message, times=None):
        self.pve.fail(method, suffix, status, message, times=times)

    async def guest(self, vmid):
        vm = self.pve.vm(vmid)
        if vm is None:
            return None
        return {'config': vm.config, 'pending': vm.pending, 'status': vm.status, 'lock': vm.lock, 'node': vm.node}

    async def writes(self):
        """Requests that may have changed something, oldest first."""
        return ['{0} {1}'.format(method, path) for method, path, _body in self.pve.requests
                if method not in ('GET', 'HEAD')]


async def answer(commands, line):
    try:
        words = json.loads(line)
        return {'ok': await getattr(commands, words.pop('do').replace('-', '_'))(**words)}
    except Exception as wrong:  # noqa: BLE001 - told to the test
        return {'wrong': '{0}: {1}'.format(type(wrong).__name__, wrong)}


async def main(folder):
    pve = ProxmoxPve(host=HOST, port=0)
    pve.storages['local']['content'] = 'iso,vztmpl,backup,images,snippets'
    # Waits are real ones.
    pve.time_scale = 1.0
    cert, key, der = make_cert(folder, hosts=(HOST,))
    await pve.start(cert, key)
    print(json.dumps({'url': pve.url, 'ca': cert, 'fingerprint': hashlib.sha256(der).hexdigest()}), flush=True)
    commands = Commands(pve)
    reader = asyncio.StreamReader(limit=2 ** 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(await answer(commands, line)), flush=True)
    await pve.stop()


if __name__ == '__main__':
    asyncio.run(main(sys.argv[1]))
