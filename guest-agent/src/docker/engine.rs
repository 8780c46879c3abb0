//! The engine behind `/var/run/docker.sock`: typed calls through bollard, raw JSON calls where bollard's
//! closed types would lose what they do not know.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{BollardRequest, ClientVersion, Docker};
use hyper::Method;
use hyper::http::uri::{PathAndQuery, Uri};
use serde_json::Value;

use super::api_version::{self, ApiVersion};
use super::error::EngineError;
use super::http::{Call, Reply};

/// How long one call may take unless said otherwise. The engine itself waits 20 s for a lost quorum.
const CALL_DEADLINE: Duration = Duration::from_secs(30);
/// A ping that takes longer tells nothing.
const PING_DEADLINE: Duration = Duration::from_secs(2);
const PING_LIMIT_BYTES: usize = 1 << 10;
/// Longest answer read, in bytes: thousands of services.
const ANSWER_LIMIT_BYTES: usize = 32 << 20;

/// A connection to the engine with a negotiated API version. Cheap to clone; each call connects anew.
#[derive(Debug, Clone)]
pub struct Engine {
    socket: PathBuf,
    docker: Docker,
    api_version: ApiVersion,
    call_deadline: Duration,
}

impl Engine {
    /// The socket's place below the file system root `root`.
    pub fn socket_below(root: &Path) -> PathBuf {
        root.join("var/run/docker.sock")
    }

    /// Asks the engine at `socket` for its versions and settles on one.
    ///
    /// # Errors
    /// Nobody answers there, or no version is understood on both sides.
    pub async fn connect(socket: &Path) -> Result<Self, EngineError> {
        let api_version = match pinged_version(socket).await {
            Some(version) => version,
            None => negotiated_version(socket).await?,
        };
        Ok(Self {
            docker: bollard_client(socket, api_version, CALL_DEADLINE)?,
            socket: socket.to_owned(),
            api_version,
            call_deadline: CALL_DEADLINE,
        })
    }

    /// The same engine with another deadline for each call.
    ///
    /// # Errors
    /// The socket has vanished.
    pub fn with_call_deadline(&self, deadline: Duration) -> Result<Self, EngineError> {
        Ok(Self {
            docker: bollard_client(&self.socket, self.api_version, deadline)?,
            call_deadline: deadline,
            ..self.clone()
        })
    }

    /// The version that every call speaks.
    pub fn api_version(&self) -> ApiVersion {
        self.api_version
    }

    /// bollard's client on the same socket and API version. It waits for the head of an answer only
    /// as long as the call deadline. Never write back what its models read: they lose fields.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// `GET path`: path and query without the version, `/services?filters=…`.
    pub async fn get(&self, path: &str) -> Result<Value, EngineError> {
        self.call(Method::GET, path, None, &[]).await
    }

    /// [`Self::get`] with headers, such as `X-Registry-Auth`.
    pub async fn get_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Value, EngineError> {
        self.call(Method::GET, path, None, headers).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Value, EngineError> {
        self.call(Method::POST, path, Some(body), headers).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Result<Value, EngineError> {
        self.call(Method::DELETE, path, None, &[]).await
    }

    /// `GET /_ping`, which an engine answers as soon as it works.
    pub async fn ping(&self) -> Result<(), EngineError> {
        let asked = || "GET /_ping".to_owned();
        match tokio::time::timeout(self.call_deadline, self.docker.ping()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(EngineError::from_bollard(asked(), error)),
            Err(_) => Err(EngineError::Deadline {
                asked: asked(),
                seconds: self.call_deadline.as_secs(),
            }),
        }
    }

    /// What the engine says of its place in a Swarm (`active/manager`) without being asked for all it knows;
    /// `None` of engines before 23.
    pub async fn swarm_state(&self) -> Option<String> {
        let headers = ping_headers(&self.socket, PING_DEADLINE).await?;
        headers.get("Swarm")?.to_str().ok().map(str::to_owned)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Value, EngineError> {
        let path = format!("/v{}{path}", self.api_version);
        let call = Call {
            method,
            path: &path,
            headers,
            body: body.map(|value| value.to_string().into_bytes()),
        };
        exchange(call, &self.socket, self.call_deadline).await
    }
}

/// From the head of `/_ping`, which tells the engine's newest version only; `None` where that does not settle
/// it. An engine takes 10 ms for `/version`, since it runs its helpers for theirs.
async fn pinged_version(socket: &Path) -> Option<ApiVersion> {
    let headers = ping_headers(socket, PING_DEADLINE).await?;
    let newest: ApiVersion = headers.get("Api-Version")?.to_str().ok()?.parse().ok()?;
    // The engine speaks all from its oldest to that.
    (newest <= api_version::NEWEST && newest >= api_version::OLDEST).then_some(newest)
}

async fn negotiated_version(socket: &Path) -> Result<ApiVersion, EngineError> {
    let call = Call {
        method: Method::GET,
        path: "/version",
        headers: &[],
        body: None,
    };
    let asked = call.asked();
    let answer = exchange(call, socket, Duration::from_secs(10)).await?;
    let version = |field: &'static str| {
        let text = answer.get(field).and_then(Value::as_str);
        text.and_then(|text| text.parse::<ApiVersion>().ok())
            .ok_or_else(|| EngineError::Field {
                asked: asked.clone(),
                field,
            })
    };
    let (engine_oldest, engine_newest) = (version("MinAPIVersion")?, version("ApiVersion")?);
    ApiVersion::negotiate(engine_oldest, engine_newest).ok_or(EngineError::Version {
        engine_oldest,
        engine_newest,
    })
}

/// `None` where there is no answer of an engine.
async fn ping_headers(socket: &Path, deadline: Duration) -> Option<hyper::HeaderMap> {
    let call = Call {
        method: Method::GET,
        path: "/_ping",
        headers: &[],
        body: None,
    };
    let reply = tokio::time::timeout(deadline, call.send(socket, PING_LIMIT_BYTES)).await;
    let reply = reply.ok()?.ok()?;
    (reply.status == 200).then_some(reply.headers)
}

/// Percent-encodes `text` for a query value or a path segment.
pub fn percent_encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// One call within `deadline`; an empty answer is `null`, any status but 2xx and 304 an error.
async fn exchange(call: Call<'_>, socket: &Path, deadline: Duration) -> Result<Value, EngineError> {
    let asked = call.asked();
    let reply = match tokio::time::timeout(deadline, call.send(socket, ANSWER_LIMIT_BYTES)).await {
        Ok(reply) => reply?,
        Err(_) => {
            return Err(EngineError::Deadline {
                asked,
                seconds: deadline.as_secs(),
            });
        }
    };
    let is_fine = (200..300).contains(&reply.status) || reply.status == 304;
    if !is_fine {
        return Err(refusal(asked, &reply));
    }
    if reply.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&reply.body).map_err(|source| EngineError::Json { asked, source })
}

fn refusal(asked: String, reply: &Reply) -> EngineError {
    let message = serde_json::from_slice::<Value>(&reply.body)
        .ok()
        .and_then(|body| body.get("message")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(&reply.body).trim().to_owned());
    EngineError::Status {
        asked,
        status: reply.status,
        message,
    }
}

fn bollard_client(
    socket: &Path,
    version: ApiVersion,
    deadline: Duration,
) -> Result<Docker, EngineError> {
    let client_version = ClientVersion {
        major_version: version.major,
        minor_version: version.minor,
    };
    let docker = Docker::connect_with_unix(
        &socket.to_string_lossy(),
        deadline.as_secs().max(1),
        &client_version,
    )
    .map_err(|error| match error {
        bollard::errors::Error::SocketNotFoundError(_) => EngineError::NoSocket {
            path: socket.to_owned(),
        },
        error => EngineError::from_bollard(format!("connecting to {}", socket.display()), error),
    })?;
    // bollard 0.21 joins an absolute path over its own `/v1.xx`, so without this the daemon's newest
    // version would answer, whatever was negotiated.
    Ok(docker.with_request_modifier(move |request| pin_version(request, version)))
}

fn pin_version(mut request: BollardRequest, version: ApiVersion) -> BollardRequest {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", PathAndQuery::as_str);
    if path.starts_with("/v1.") {
        return request;
    }
    let mut parts = request.uri().clone().into_parts();
    if let Ok(pinned) = format!("/v{version}{path}").parse() {
        parts.path_and_query = Some(pinned);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
