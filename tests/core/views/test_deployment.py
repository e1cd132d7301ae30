"""A deployment as the API shows it."""

from scheduler.core.events import OffersReceived
from scheduler.core.views.deployment import deployment_view
from scheduler.model.json import Json
from scheduler.model.records import Condition
from tests.core.support import Story, definition, offer


def shown(story: Story, pod_id: str) -> Json:
    """The current action of the deployment that changes this pod, with podexec's own members."""
    deployment = story.world.deployment_of(pod_id)
    assert deployment is not None
    (action,) = deployment_view(story.world, deployment, with_extras=True)["currentActions"]
    return action


def test_it_waits_for_what_the_pod_depends_on_until_that_runs() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(id="/db"))
    story.post(definition(id="/web", dependencies=["/db"]))
    action = shown(story, "/web")
    assert (action["action"], action["podexec"]["waitingFor"]) == ("ScalePod", ["/db"]), (
        "to be made it waits for nothing"
    )
    story.tell(OffersReceived((offer("O1", "A1"),)))
    story.all_tasks(Condition.RUNNING)

    assert "podexec" not in shown(story, "/web")
