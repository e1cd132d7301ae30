"""The defects of pymesos' driver that cost pods or prevent its use in production, and for each the tests that show it
repaired in ours.

The numbers are those of the list that the driver was made from. A row names tests by reference, so that none can be
renamed or removed without this table noticing.
"""

from collections.abc import Callable

import pytest

from tests.mesos import (
    test_calls,
    test_credentials,
    test_detector,
    test_driver,
    test_driver_secrets,
    test_pipeline,
    test_tls,
    test_transport,
)

Proofs = tuple[Callable[..., None], ...]

# (what is wrong in pymesos) -> the tests of what ours does instead
TRANSPORT: dict[str, tuple[str, Proofs]] = {
    "P1": (
        "an exception of ours ends the thread, and tears the framework down",
        (
            test_driver.test_an_error_of_our_own_is_reported_and_tears_nothing_down,
            test_driver.test_a_teardown_cannot_be_asked_for,
        ),
    ),
    "P2": (
        "every HTTP status but three is fatal",
        (
            test_driver.test_a_master_that_is_not_ready_is_asked_again_after_a_pause,
            test_driver.test_a_master_that_always_refuses_the_framework_ends_the_driver,
        ),
    ),
    "P3": (
        "no pause after 503 or a connection that was closed",
        (
            test_driver.test_a_master_that_is_not_ready_is_asked_again_after_a_pause,
            test_driver.test_redirects_in_a_circle_are_not_followed_without_pauses,
            test_calls.test_a_master_that_takes_no_calls_is_not_subscribed_to_without_pauses,
            test_transport.test_only_a_granted_subscription_shortens_the_pauses,
        ),
    ),
    "P4": (
        "stopping and a new leader wait for the end of a pause",
        (
            test_driver.test_stopping_is_quick_leaves_the_pods_alone_and_needs_no_connection,
            test_driver.test_a_leader_found_during_a_pause_is_called_at_once,
        ),
    ),
    "P5": (
        "a peer that answers nothing counts as connected",
        (
            test_driver.test_a_peer_that_never_answers_the_connection_is_left,
            test_tls.test_a_peer_that_never_shakes_hands_is_left,
        ),
    ),
    "P6": (
        "a dead stream is never noticed",
        (
            test_driver.test_a_silent_master_is_left_after_five_missed_heartbeats,
            test_driver.test_heartbeats_keep_a_stream_alive,
        ),
    ),
    "P7": (
        "no TLS",
        (
            test_tls.test_the_stream_and_the_calls_are_secure,
            test_tls.test_a_redirect_keeps_to_tls,
            test_tls.test_nothing_is_sent_to_a_master_without_a_trusted_certificate,
            test_tls.test_this_side_proves_itself_where_it_is_asked_to,
            test_tls.test_agents_are_asked_over_tls,
        ),
    ),
    "P8": (
        "a call may take a day",
        (
            test_calls.test_a_call_that_may_be_repeated_is_until_it_is_answered,
            test_pipeline.test_an_overdue_answer_ends_it,
        ),
    ),
    "P9": (
        "one slow call stalls events, status and stopping",
        (
            test_calls.test_a_call_that_hangs_does_not_hold_up_the_events,
            test_driver.test_stopping_does_not_wait_for_a_call_that_hangs,
            test_pipeline.test_many_are_sent_at_once_before_the_first_is_answered_and_answers_belong_in_order,
        ),
    ),
    "P10": (
        "a stale connection, a timeout or a 5xx loses the call, and the driver with it",
        (
            test_calls.test_unanswered_calls_are_sent_again_in_order_when_the_connection_breaks,
            test_calls.test_an_accept_after_a_pause_survives_a_connection_that_was_closed_meanwhile,
            test_calls.test_an_accept_that_may_have_arrived_is_not_sent_again,
            test_calls.test_a_call_at_which_the_other_side_failed_is_sent_again_and_finally_abandoned,
        ),
    ),
    "P11": (
        "importing it takes over SIGINT, and its failures interrupt the main thread",
        (
            test_driver.test_importing_the_driver_leaves_signals_and_logging_alone,
            test_driver.test_an_error_of_our_own_is_reported_and_tears_nothing_down,
        ),
    ),
    "P12": ("big events take quadratic time", (test_driver.test_a_large_event_is_read_in_linear_time,)),
    "P13": (
        "broken framing fills the memory",
        (
            test_transport.test_what_is_not_recordio_is_refused_before_it_fills_the_memory,
            test_driver.test_garbage_in_the_stream_ends_it,
        ),
    ),
    "P15": (
        "no IPv6, and a name that is not found is fatal",
        (
            test_driver.test_a_master_is_reached_over_ipv6,
            test_driver.test_a_name_that_cannot_be_found_is_looked_up_again,
            test_transport.test_a_master_is_named_in_many_ways,
        ),
    ),
}

SCHEDULER: dict[str, tuple[str, Proofs]] = {
    "S1": (
        "GPU_RESOURCES comes and goes unasked",
        (
            test_driver_secrets.test_gpus_are_asked_for_only_where_the_operator_wants_them,
            test_driver.test_it_subscribes_as_configured_and_tells_who_it_is,
        ),
    ),
    "S2": (
        "a version that is not numbers is fatal",
        (test_driver.test_a_version_that_is_not_three_numbers_does_no_harm,),
    ),
    "S3": ("/version is asked for, and waited for", (test_driver.test_the_version_is_not_asked_for,)),
    "S4": ("drivers of one process share their headers", (test_driver.test_drivers_of_one_process_share_nothing,)),
    "S5": (
        "calls without a subscription vanish silently",
        (
            test_calls.test_dropped_calls_are_logged,
            test_calls.test_calls_are_dropped_while_there_is_no_subscription_and_with_it,
            test_calls.test_a_call_that_cannot_be_written_is_a_failure_and_not_silence,
        ),
    ),
    "S6": (
        "kills have no agent and no policy",
        (test_calls.test_calls_arrive_in_order_with_the_stream_and_the_framework,),
    ),
    "S7": (
        "reconciliation has no agents",
        (test_calls.test_calls_arrive_in_order_with_the_stream_and_the_framework,),
    ),
    "S8": (
        "a reconnection asks for offers to all roles",
        (test_driver.test_roles_are_suppressed_over_a_reconnection_while_nothing_is_wanted,),
    ),
    "S9": (
        "no UPDATE_FRAMEWORK, no SHUTDOWN, no outcome of a call",
        (
            test_driver.test_new_roles_are_sent_at_once_on_the_subscription_in_order_with_other_calls,
            test_calls.test_calls_arrive_in_order_with_the_stream_and_the_framework,
            test_calls.test_an_accept_that_is_refused_is_an_error_of_its_tasks_and_gives_its_offer_back,
        ),
    ),
    "S10": (
        "operations are acknowledged with the wrong members, and that is fatal",
        (
            test_driver.test_operations_and_failures_become_events,
            test_calls.test_calls_arrive_in_order_with_the_stream_and_the_framework,
        ),
    ),
    "S11": (
        "after an ERROR it subscribes again, for ever",
        (test_driver.test_an_error_of_the_master_is_final,),
    ),
    "S12": ("a failure without a status is fatal", (test_driver.test_no_event_whatever_it_lacks_ends_the_driver,)),
    "S16": (
        "secrets in errors",
        (test_calls.test_an_accept_that_is_refused_is_an_error_of_its_tasks_and_gives_its_offer_back,),
    ),
    "S17": (
        "no tokens",
        (
            test_credentials.test_a_token_goes_with_every_request,
            test_credentials.test_calls_with_an_expired_token_are_sent_again_in_order_with_the_new_one,
        ),
    ),
    "S19": (
        "the leader is looked for among all znodes, once",
        (
            test_detector.test_the_lowest_of_the_masters_leads_and_other_nodes_do_not_count,
            test_detector.test_a_path_that_does_not_exist_yet_is_waited_for,
        ),
    ),
}

# Those that lose pods or block a production set-up; the others in the table are nuisances repaired on the way.
GRAVE = {f"P{number}" for number in (*range(1, 12), 15)} | {f"S{number}" for number in range(1, 12)}


@pytest.mark.parametrize("defect", sorted(GRAVE))
def test_every_grave_defect_is_shown_to_be_repaired(defect: str) -> None:
    _, proofs = {**TRANSPORT, **SCHEDULER}[defect]
    assert proofs
