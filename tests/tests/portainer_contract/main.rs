//! What Phoenix relies on, asked of every behaviour of the double and, when `PHOENIX_PORTAINER_URL` and
//! `PHOENIX_PORTAINER_PASSWORD_FILE` are set, of a real server. Stacks and environments are asked for
//! there when `PHOENIX_PORTAINER_AGENT` names an agent (`tcp://host:9001`). What is made is removed.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod environments;
#[expect(dead_code, reason = "shared; each test program uses a part")]
#[path = "../portainer_double/session.rs"]
mod session;
mod sessions;
mod stacks;
mod target;

use target::Target;

#[test]
fn sessions_are_as_phoenix_expects() {
    Target::each(|target| {
        sessions::answers_without_credentials(target);
        sessions::refuses_wrong_credentials(target);
        sessions::a_key_stands_for_the_user(target);
    });
}

#[test]
fn environments_are_as_phoenix_expects() {
    Target::each_with_agent(|target, agent| {
        environments::names_are_unique_and_urls_are_not(target, agent);
        environments::an_update_keeps_what_it_does_not_name(target, agent);
        environments::what_is_not_there_is_told(target);
    });
}

#[test]
fn stacks_are_as_phoenix_expects() {
    Target::each_with_agent(|target, agent| {
        stacks::a_stack_keeps_its_bytes_and_its_name_is_normalised(target, agent);
        stacks::an_update_without_env_wipes_it(target, agent);
        stacks::a_failure_is_told_and_leaves_the_file(target, agent);
    });
}
