"""pyportainer against the server of the arguments: its typed models check the shape of every answer.

Arguments: URL, API key, environment id, stack id, the version to be reported. Prints what it did.
"""

import asyncio
import sys

from pyportainer import Portainer


async def settled(portainer, stack_id):
    for _ in range(200):
        stack = await portainer.get_stack(stack_id)
        if int(stack.status) != 3:
            return stack
        await asyncio.sleep(0.05)
    raise AssertionError("the stack is still being deployed")


async def main(url, key, environment, stack_id, version):
    async with Portainer(url, key, max_retries=0) as portainer:
        assert (await portainer.portainer_system_status()).version == version
        await portainer.portainer_system_version()
        endpoints = await portainer.get_endpoints()
        assert environment in [one.id for one in endpoints], endpoints
        assert stack_id in [one.id for one in await portainer.get_stacks()]
        assert stack_id in [one.id for one in await portainer.get_stacks(endpoint_id=environment)]
        stack = await portainer.get_stack(stack_id)
        assert "image" in await portainer.get_stack_file(stack_id)
        await portainer.docker_version(environment)
        await portainer.docker_info(environment)
        containers = await portainer.get_stack_containers(environment, stack.name)
        assert len(containers) == 1, containers
        await portainer.inspect_container(environment, containers[0].id)
        await portainer.update_stack(environment, stack_id, pull_image=False)
        await settled(portainer, stack_id)
        await portainer.stop_stack(environment, stack_id)
        assert await portainer.get_stack_containers(environment, stack.name) == []
        await portainer.start_stack(environment, stack_id)
        assert len(await portainer.get_stack_containers(environment, stack.name)) == 1
        await portainer.delete_stack(environment, stack_id)
        assert await portainer.get_stacks() == []
    print("walked")


url, key, environment, stack_id, version = sys.argv[1:]
asyncio.run(main(url, key, int(environment), int(stack_id), version))
