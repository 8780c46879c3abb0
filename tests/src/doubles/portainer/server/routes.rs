//! Which call a request is.

/// A call of the API, ids parsed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Status,
    PublicSettings,
    AdminCheck,
    AdminInit,
    LogIn,
    LogOut,
    Version,
    Info,
    Me,
    Users,
    Keys(&'a str),
    Mint(&'a str),
    DeleteKey(&'a str),
    Environments,
    CreateEnvironment,
    SnapshotAll,
    BatchDelete,
    BatchDeleteOld,
    Environment(&'a str),
    UpdateEnvironment(&'a str),
    DeleteEnvironment(&'a str),
    Snapshot(&'a str),
    Docker(&'a str),
    Tags,
    CreateTag,
    DeleteTag(&'a str),
    Groups,
    CreateGroup,
    Stacks,
    /// `POST /api/stacks?type=&method=`, gone in 2.27.
    CreateStackOld,
    CreateStack(&'a str, &'a str),
    Stack(&'a str),
    StackFile(&'a str),
    UpdateStack(&'a str),
    DeleteStack(&'a str),
    StartStack(&'a str),
    StopStack(&'a str),
    Associate(&'a str),
}

impl Route<'_> {
    /// Asked without credentials.
    pub(super) fn is_public(self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::PublicSettings
                | Self::AdminCheck
                | Self::AdminInit
                | Self::LogIn
                | Self::LogOut
        )
    }
}

/// The call under `/api/`; `Err(true)`: the path exists, but not with this method.
pub(super) fn find<'a>(method: &str, parts: &[&'a str]) -> Result<Route<'a>, bool> {
    if parts.contains(&"") {
        return Err(false);
    }
    if let Some(route) = exact(method, parts) {
        return Ok(route);
    }
    let others = ["GET", "POST", "PUT", "DELETE"].iter();
    let mut others = others.filter(|other| **other != method);
    Err(others.any(|other| exact(other, parts).is_some()))
}

fn exact<'a>(method: &str, parts: &[&'a str]) -> Option<Route<'a>> {
    let route = match (method, parts) {
        ("GET", ["system", "status"] | ["status"]) => Route::Status,
        ("GET", ["system", "version"]) => Route::Version,
        ("GET", ["system", "info"]) => Route::Info,
        ("GET", ["settings", "public"]) => Route::PublicSettings,
        ("POST", ["auth"]) => Route::LogIn,
        ("POST", ["auth", "logout"]) => Route::LogOut,
        (_, ["users", ..]) => return users(method, parts),
        (_, ["endpoints", ..]) => return environments(method, parts),
        (_, ["stacks", ..]) => return stacks(method, parts),
        ("GET", ["tags"]) => Route::Tags,
        ("POST", ["tags"]) => Route::CreateTag,
        ("DELETE", ["tags", id]) => Route::DeleteTag(id),
        ("GET", ["endpoint_groups"]) => Route::Groups,
        ("POST", ["endpoint_groups"]) => Route::CreateGroup,
        _ => return None,
    };
    Some(route)
}

fn users<'a>(method: &str, parts: &[&'a str]) -> Option<Route<'a>> {
    let route = match (method, parts) {
        ("GET", ["users"]) => Route::Users,
        ("GET", ["users", "me"]) => Route::Me,
        ("GET", ["users", "admin", "check"]) => Route::AdminCheck,
        ("POST", ["users", "admin", "init"]) => Route::AdminInit,
        ("GET", ["users", id, "tokens"]) => Route::Keys(id),
        ("POST", ["users", id, "tokens"]) => Route::Mint(id),
        ("DELETE", ["users", _, "tokens", key]) => Route::DeleteKey(key),
        _ => return None,
    };
    Some(route)
}

fn environments<'a>(method: &str, parts: &[&'a str]) -> Option<Route<'a>> {
    let route = match (method, parts) {
        ("GET", ["endpoints"]) => Route::Environments,
        ("POST", ["endpoints"]) => Route::CreateEnvironment,
        ("DELETE", ["endpoints"]) => Route::BatchDeleteOld,
        ("POST", ["endpoints", "snapshot"]) => Route::SnapshotAll,
        ("POST", ["endpoints", "delete"]) => Route::BatchDelete,
        ("GET", ["endpoints", id]) => Route::Environment(id),
        ("PUT", ["endpoints", id]) => Route::UpdateEnvironment(id),
        ("DELETE", ["endpoints", id]) => Route::DeleteEnvironment(id),
        ("POST", ["endpoints", id, "snapshot"]) => Route::Snapshot(id),
        (_, ["endpoints", id, "docker", _, ..]) => Route::Docker(id),
        _ => return None,
    };
    Some(route)
}

fn stacks<'a>(method: &str, parts: &[&'a str]) -> Option<Route<'a>> {
    let route = match (method, parts) {
        ("GET", ["stacks"]) => Route::Stacks,
        ("POST", ["stacks"]) => Route::CreateStackOld,
        ("POST", ["stacks", "create", kind, source]) => Route::CreateStack(kind, source),
        ("GET", ["stacks", id]) => Route::Stack(id),
        ("PUT", ["stacks", id]) => Route::UpdateStack(id),
        ("DELETE", ["stacks", id]) => Route::DeleteStack(id),
        ("GET", ["stacks", id, "file"]) => Route::StackFile(id),
        ("POST", ["stacks", id, "start"]) => Route::StartStack(id),
        ("POST", ["stacks", id, "stop"]) => Route::StopStack(id),
        ("PUT", ["stacks", id, "associate"]) => Route::Associate(id),
        _ => return None,
    };
    Some(route)
}
