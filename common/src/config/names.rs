//! Names that stand in no file: what the operator types.

use super::Config;
use super::file::{ENVIRONMENT_NAME_RULE, EnvironmentName, Form, STACK_NAME_RULE, StackName};
use super::guest::{Guest, StackAssignment};

/// A name that breaks its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?}: {rule}")]
pub struct NameError {
    pub name: String,
    pub rule: &'static str,
}

/// The name a stack runs under on a Swarm: `<environment>_<stack>`. Without an underscore in the environment
/// it can be taken apart again.
///
/// # Errors
/// One of the two is no such name.
pub fn deployed_name(environment: &str, stack: &str) -> Result<String, NameError> {
    let check = |fits: bool, name: &str, rule| {
        let name = name.chars().take(80).collect();
        if fits {
            Ok(())
        } else {
            Err(NameError { name, rule })
        }
    };
    check(
        EnvironmentName::fits(environment),
        environment,
        ENVIRONMENT_NAME_RULE,
    )?;
    check(StackName::fits(stack), stack, STACK_NAME_RULE)?;
    Ok(format!("{environment}_{stack}"))
}

impl Config {
    /// The guest of that Swarm whose `docker_stacks` has a stack under this deployed name, and the entry.
    /// What is deployed by hand is nobody's.
    pub fn assigned_on(&self, swarm: &str, deployed: &str) -> Option<(&Guest, &StackAssignment)> {
        self.members_of(swarm).into_iter().find_map(|guest| {
            let mut stacks = guest.stacks.iter();
            let stack = stacks.find(|stack| stack.deployed_name == deployed && !stack.manual)?;
            Some((guest, stack))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_command_line_are_held_to_the_forms_of_the_files() {
        assert_eq!(deployed_name("dev1", "shop").as_deref(), Ok("dev1_shop"));
        for (environment, stack) in [
            ("dev_1", "shop"),
            ("", "shop"),
            ("Dev", "shop"),
            ("a-name-of-21-letters-", "shop"),
            ("dev1", ""),
            ("dev1", "../shop"),
            ("dev1", "sh op"),
        ] {
            assert!(
                deployed_name(environment, stack).is_err(),
                "{environment} {stack}"
            );
        }
    }
}
