//! What every store must do, as one suite of tests that runs on each of them.

pub(super) mod messages;
pub(super) mod rooms;
pub(super) mod support;
pub(super) mod tokens;
pub(super) mod users;

use std::sync::Arc;

use super::Store;

/// A fresh, empty store in a place of its own.
#[async_trait::async_trait(?Send)]
pub(super) trait Place: Send + Sync {
    /// Opens the store, which then is ready; a second call opens what an earlier one has left behind.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of every behaviour named, on the store in the place that `$place` makes.
macro_rules! contract_tests {
    ($place:expr; $($module:ident: $($behaviour:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let place = $place;
                $crate::store::contract::$module::$behaviour(&place).await;
            })+
        })+
    };
}

/// Runs the whole suite in the module where it is called.
macro_rules! contract {
    ($place:expr) => {
        $crate::store::contract::contract_tests! {
            $place;
            users: an_account_is_found_by_its_email_in_any_spelling_and_by_its_id,
                an_account_that_does_not_exist_is_not_found,
                an_email_in_another_spelling_is_taken,
                of_many_concurrent_sign_ups_in_different_spellings_one_succeeds,
                concurrent_sign_ups_of_different_emails_all_succeed,
                texts_that_look_like_operators_are_only_texts,
                accounts_keep_their_unicode;
            rooms: a_new_room_has_its_host_as_a_member_who_is_not_in_it,
                rooms_are_listed_newest_first_with_host_and_membership,
                a_room_of_a_host_without_an_account_is_listed_without_a_name,
                an_unknown_code_cannot_be_entered_and_changes_nothing,
                entering_another_room_leaves_the_one_before,
                entering_the_same_room_again_leaves_nothing,
                leaving_answers_the_room_once,
                membership_stays_after_leaving,
                concurrent_entering_ends_in_one_room_with_one_membership,
                everything_answered_is_there_after_a_reopening;
            messages: a_message_comes_back_from_history_as_it_was_answered,
                only_those_in_the_room_may_post,
                posting_to_an_unknown_room_is_refused,
                a_repeated_client_id_answers_the_first_message,
                of_messages_given_together_only_the_bad_ones_are_refused,
                a_repeat_after_leaving_still_answers_the_first_message,
                a_client_id_is_unique_per_user_only,
                of_concurrent_equal_client_ids_one_is_stored,
                history_is_denied_to_those_who_never_joined,
                history_of_an_unknown_room_is_refused,
                a_cursor_that_names_no_message_of_the_room_is_refused,
                pages_join_without_gaps_or_repeats,
                a_page_that_holds_exactly_the_rest_is_the_last,
                cursors_stay_stable_while_messages_arrive,
                concurrent_messages_are_all_stored_with_ids_in_the_order_of_history,
                long_and_strange_texts_come_back_unchanged,
                messages_survive_a_store_that_is_dropped_without_closing;
            tokens: a_revoked_token_stays_revoked_until_it_expires,
                a_second_revocation_never_shortens_the_first,
                a_revocation_survives_a_reopening,
                a_closed_store_answers_that_it_is_not_available;
        }
    };
}

pub(super) use {contract, contract_tests};
