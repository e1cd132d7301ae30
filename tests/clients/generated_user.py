"""What a user does with a client that was generated from /openapi.json, in an interpreter that has it.

Arguments: the folder that holds the package ``podexec_client``, and the scheduler's URL. Tells on standard output, as
JSON, what came back.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from podexec_client import Client
from podexec_client.api.default import (
    create_pod,
    delete_pod,
    get_pod,
    get_pod_status,
    get_pod_version,
    kill_instances,
    list_deployments,
    list_pod_statuses,
    list_pod_versions,
    put_pod,
)
from podexec_client.models import (
    Command,
    Container,
    Exec,
    Message,
    PodDefinition,
    PodDefinitionEnvironment,
    Resources,
    Scaling,
    Scheduling,
    UnreachableStrategy,
)

ID = "generated/web"  # of which the slash has to come through a path
client = Client(base_url=sys.argv[2])
pod = PodDefinition(
    id=f"/{ID}",
    containers=[
        Container(
            name="main",
            resources=Resources(cpus=0.1, mem=32),
            exec_=Exec(command=Command(shell="sleep 1000")),
        )
    ],
    scaling=Scaling(instances=2),
    environment=PodDefinitionEnvironment.from_dict({"MODE": "prod"}),
    scheduling=Scheduling(
        unreachable_strategy=UnreachableStrategy(inactive_after_seconds=60, expunge_after_seconds=90)
    ),
)

told = {}
created = create_pod.sync_detailed(client=client, body=pod)
told["created"] = [created.status_code, created.parsed.to_dict()]
told["again"] = create_pod.sync_detailed(client=client, body=pod).status_code
told["shown"] = get_pod.sync(ID, client=client).to_dict()
status = get_pod_status.sync(ID, client=client, embed=["podexec"])
told["status"] = [status.status, status.spec.scaling.instances]
told["statuses"] = [each.id for each in list_pod_statuses.sync(client=client)]
told["deployments"] = [each.to_dict() for each in list_deployments.sync(client=client, embed=["podexec"])]

pod.scaling.instances = 3
pod.scheduling.unreachable_strategy = "disabled"
updated = put_pod.sync_detailed(ID, client=client, body=pod, force=True)
told["updated"] = [updated.status_code, updated.parsed.to_dict()]
versions = list_pod_versions.sync(ID, client=client)
told["versions"] = len(versions)
told["first"] = get_pod_version.sync(ID, versions[0], client=client).to_dict()
told["killed"] = kill_instances.sync(ID, client=client, body=["generated_web.instance-none"])

pod.containers[0].name = "Not A Name"
wrong = put_pod.sync_detailed(ID, client=client, body=pod, force=True)
told["wrong"] = [wrong.status_code, wrong.parsed.to_dict()]
deleted = delete_pod.sync_detailed(ID, client=client, force=True)
told["deleted"] = [deleted.status_code, deleted.headers["Marathon-Deployment-Id"]]
gone = get_pod_status.sync(ID, client=client)
told["gone"] = gone.message if isinstance(gone, Message) else None
json.dump(told, sys.stdout, default=str)
