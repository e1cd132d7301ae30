"""The chapter on deployments, and on the launch queue they wait for."""

from scheduler.api.openapi.parts import (
    AMOUNT,
    BAD_QUERY,
    COUNT,
    DEPLOYMENT_ID,
    FLAG,
    MOMENT,
    STOPPING,
    TEXT,
    WITH_EXTRAS,
    answer,
    extras,
    in_path,
    in_query,
    list_of,
    record,
    reference,
    refusal,
    words,
)
from scheduler.api.openapi.pods import POD_ID
from scheduler.core.offer.refusals import FUNNEL
from scheduler.model.json import Json

_ID = in_path("deployment_id", "The deployment's id.", TEXT | {"minLength": 1}, "5a0b3ee1-8a2b-4b7c-9d0e-1f2a3b4c5d6e")
_ABSENT = {"404": refusal("There is no such deployment: it may be done.")}


def _change(operation: str, summary: str) -> Json:
    return {
        "parameters": [_ID],
        "post": {
            "operationId": operation,
            "summary": summary,
            "responses": {"200": answer("It is.", reference("DeploymentStarted")), **_ABSENT, **STOPPING},
        },
    }


PATHS: dict[str, Json] = {
    "/v2/deployments": {
        "get": {
            "operationId": "listDeployments",
            "summary": "The deployments that are under way",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The deployments, oldest first.", list_of(reference("Deployment")))},
        },
    },
    "/v2/deployments/{deployment_id}": {
        "parameters": [_ID],
        "get": {
            "operationId": "getDeployment",
            "summary": "One deployment that is under way",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The deployment.", reference("Deployment")), **_ABSENT},
        },
        "delete": {
            "operationId": "endDeployment",
            "summary": "Roll a deployment back, or, forced, leave all as far as it has come",
            "parameters": [in_query("force", "Whether nothing is rolled back.", FLAG | {"default": False})],
            "responses": {
                "200": answer(
                    "A new deployment makes all as it was.",
                    reference("DeploymentStarted"),
                    {"Marathon-Deployment-Id": DEPLOYMENT_ID},
                ),
                "202": answer("The deployment was ended as far as it had come.", None),
                **BAD_QUERY,
                **_ABSENT,
                **STOPPING,
            },
        },
    },
    "/v2/deployments/{deployment_id}/pause": _change("pauseDeployment", "Replace nothing more for now"),
    "/v2/deployments/{deployment_id}/resume": _change("resumeDeployment", "Go on with a paused deployment"),
    "/v2/queue": {
        "get": {
            "operationId": "getQueue",
            "summary": "What waits to be launched, and why it still waits",
            "parameters": [
                in_query(
                    "embed",
                    "`lastUnusedOffers` shows the last offers that were not used, `podexec` how near the best came.",
                    list_of(TEXT),
                )
            ],
            "responses": {
                "200": answer("The queue.", record("The queue.", {"queue": list_of(reference("QueueEntry"))}))
            },
        },
    },
    "/v2/queue/{pod_id}/delay": {
        "parameters": [POD_ID],
        "delete": {
            "operationId": "resetDelay",
            "summary": "Launch what waits of a pod without waiting for its back-off",
            "responses": {
                "204": answer("It is launched as soon as an offer fits.", None),
                "404": refusal("Nothing of this pod waits."),
                **STOPPING,
            },
        },
    },
}

_ACTION = {"action": words("StartPod", "ScalePod", "RestartPod", "StopPod"), "pod": TEXT}
_REASON = words(*FUNNEL)
_FUNNEL = list_of(
    record(
        "How many offers came as far as a reason, and how many fell to it.",
        {"reason": _REASON, "declined": COUNT, "processed": COUNT},
    )
)
_RANGES = list_of(record("Both ends included.", {"begin": COUNT, "end": COUNT}))
_VALUES = {"scalar": AMOUNT, "ranges": _RANGES, "set": list_of(TEXT)}

SCHEMAS: dict[str, Json] = {
    "Deployment": record(
        "A change of pods that is under way.",
        {
            "id": TEXT,
            "version": MOMENT,
            "affectedApps": list_of(TEXT) | {"maxItems": 0},
            "affectedPods": list_of(TEXT),
            "steps": list_of(record("Actions that go on side by side.", {"actions": list_of(record("", _ACTION))})),
            "currentActions": list_of(
                record(
                    "What is being done now.",
                    _ACTION | {"readinessCheckResults": list_of({}) | {"maxItems": 0}},
                    extras(
                        {
                            "waitingFor": list_of(TEXT) | {"description": "The pods it depends on that are not ready."},
                            "ending": list_of(record("", {"instance": TEXT}, {"agent": TEXT}))
                            | {"description": "Instances that are to end and have not yet, of many the first ones."},
                            "notEnding": list_of(
                                record("An instance that was killed in vain so far.", {"id": TEXT, "message": TEXT})
                            ),
                        }
                    ),
                )
            ),
            "currentStep": COUNT | {"description": "Counts from 1."},
            "totalSteps": COUNT,
        },
        extras(
            {
                "paused": FLAG,
                "deadline": MOMENT | {"description": "When it is rolled back unless it is done."},
                "secondsToDeadline": AMOUNT | {"description": "While it is paused."},
                "batchSize": COUNT,
                "reverts": TEXT | {"description": "The deployment that this one rolls back."},
            }
        ),
    ),
    "QueueEntry": record(
        "What waits of one configuration of a pod.",
        {
            "count": COUNT | {"description": "How many instances wait."},
            "role": TEXT,
            "delay": record("Its launch back-off.", {"timeLeftSeconds": COUNT, "overdue": FLAG}),
            "since": MOMENT,
            "processedOffersSummary": record(
                "What became of the offers it was tried on.",
                {
                    "processedOffersCount": COUNT,
                    "unusedOffersCount": COUNT,
                    "rejectSummaryLastOffers": _FUNNEL | {"description": "Of the last offer of each agent."},
                    "rejectSummaryLaunchAttempt": _FUNNEL | {"description": "Of all offers since it began to wait."},
                },
                {"lastUnusedOfferAt": MOMENT, "lastUsedOfferAt": MOMENT},
            ),
            "pod": reference("PodDefinition"),
        },
        extras(
            {
                "nearest": list_of(
                    record(
                        "By how many agents a reason was given, and what the best of them had.",
                        {"reason": _REASON, "asked": TEXT, "offered": TEXT, "agents": COUNT},
                    )
                )
            }
        )
        | {
            "lastUnusedOffers": list_of(
                record(
                    "An offer that was not used.",
                    {"timestamp": MOMENT, "reason": list_of(_REASON), "offer": reference("Offer")},
                )
            ),
        },
    ),
    "Offer": record(
        "What an agent offered.",
        {
            "id": TEXT,
            "hostname": TEXT,
            "agentId": TEXT,
            "resources": list_of(record("A resource.", {"name": TEXT, "role": TEXT}, _VALUES)),
            "attributes": list_of(record("An attribute of the agent.", {"name": TEXT}, _VALUES | {"text": TEXT})),
        },
    ),
}
