//! `fermata.toml`: the environment. Where Temporal and the services are, what they may reach, which routes exist.
//!
//! This room may not know: definitions, runs. No definition can see what is in here.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use url::Url;

use crate::diagnostic::{Code, Diagnostic, Source, Span};

/// The largest request body that is read, unless `[limits] body` says otherwise.
pub const MAX_BODY: usize = 1024 * 1024;

/// First parts of paths that no `[[route]]` can have.
const OWN_PATHS: [&str; 6] = ["v1", "livez", "readyz", "metrics", "openapi.json", "problems"];

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub temporal: Temporal,
    pub services: BTreeMap<String, Service>,
    pub routes: Vec<Route>,
    /// Bytes of a request body.
    pub max_body: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Temporal {
    /// `None`: nothing was said.
    pub address: Option<Url>,
    pub namespace: String,
    pub task_queue: String,
}

/// A service that `http` steps may name.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    pub url: Url,
    /// Whether its address may be this machine.
    pub loopback: bool,
    /// Whether its address may lie in a private network.
    pub private: bool,
    pub headers: Vec<(String, String)>,
}

/// A path of its own for starting a process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub path: String,
    pub process: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            temporal: Temporal { address: None, namespace: "default".into(), task_queue: "fermata".into() },
            services: BTreeMap::new(),
            routes: Vec::new(),
            max_body: MAX_BODY,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    temporal: TemporalTable,
    service: BTreeMap<String, toml::Spanned<ServiceTable>>,
    route: Vec<toml::Spanned<Route>>,
    limits: Limits,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct TemporalTable {
    address: Option<toml::Spanned<String>>,
    namespace: Option<String>,
    task_queue: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceTable {
    url: toml::Spanned<String>,
    #[serde(default)]
    allow: Vec<toml::Spanned<String>>,
    #[serde(default)]
    headers: BTreeMap<String, toml::Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    body: Option<toml::Spanned<i64>>,
}

/// Why there is no configuration; the text is ready to be shown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Reads `fermata.toml`; a file that is not there is an empty one. `variable` looks up `${NAME}` in header values.
/// Errors: a file that cannot be read or understood, with the place.
pub fn load(path: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&path.display().to_string(), &text, variable),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(e) => Err(ConfigError(format!("{}: cannot be read: {e}", path.display()))),
    }
}

/// Reads the text of a configuration. Errors: as [`load`].
pub fn parse(name: &str, text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    let source = Source::new(name, text);
    let complain = |span: std::ops::Range<usize>, message: String, help: Option<&str>| {
        let diagnostic = Diagnostic::error(Code::Config, Span::new(span.start, span.end), message)
            .maybe_help(help.map(str::to_owned));
        ConfigError(crate::diagnostic::render(&diagnostic, &source, false).trim_end().to_owned())
    };
    let file: File = toml::from_str(text)
        .map_err(|e| complain(e.span().unwrap_or(0..0), e.message().trim().replace('\n', ", "), None))?;
    let mut config = Config::default();
    if let Some(address) = file.temporal.address {
        let url = server_url(address.get_ref()).map_err(|e| complain(address.span(), e, None))?;
        config.temporal.address = Some(url);
    }
    config.temporal.namespace = file.temporal.namespace.unwrap_or(config.temporal.namespace);
    config.temporal.task_queue = file.temporal.task_queue.unwrap_or(config.temporal.task_queue);
    for (name, table) in file.service {
        let service = service(table.into_inner(), variable, &complain)?;
        config.services.insert(name, service);
    }
    for route in file.route {
        if !route.get_ref().path.starts_with('/') {
            return Err(complain(route.span(), "the path of a route begins with `/`".into(), None));
        }
        let path = &route.get_ref().path;
        let first = path.split('/').nth(1).unwrap_or("");
        if OWN_PATHS.contains(&first) {
            return Err(complain(route.span(), format!("`/{first}` is the service's own"), None));
        }
        if path.contains(['{', '}', '*', '?', '#']) {
            return Err(complain(route.span(), "the path of a route is fixed text".into(), None));
        }
        if config.routes.iter().any(|known| known.path == *path) {
            return Err(complain(route.span(), format!("the route `{path}` stands twice"), None));
        }
        config.routes.push(route.into_inner());
    }
    if let Some(body) = file.limits.body {
        let bytes = usize::try_from(*body.get_ref()).ok().filter(|b| (1..=MAX_BODY).contains(b));
        config.max_body = bytes
            .ok_or_else(|| complain(body.span(), format!("`body` is a number of bytes from 1 to {MAX_BODY}"), None))?;
    }
    Ok(config)
}

/// The address of a Temporal server: `host:port`, or a URL.
pub fn server_url(text: &str) -> Result<Url, String> {
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&full).map_err(|e| format!("`{text}` is not an address: {e}"))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(url),
        _ => Err(format!("`{text}` is not an address: write `host:port` or `https://host:port`")),
    }
}

/// Makes an error of a place, a message and a way forward.
type Complain<'a> = dyn Fn(std::ops::Range<usize>, String, Option<&str>) -> ConfigError + 'a;

fn service(
    table: ServiceTable,
    variable: &dyn Fn(&str) -> Option<String>,
    complain: &Complain<'_>,
) -> Result<Service, ConfigError> {
    let at = table.url.span();
    let url = Url::parse(table.url.get_ref())
        .map_err(|e| complain(at.clone(), format!("`{}` is not a URL: {e}", table.url.get_ref()), None))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(complain(at, "the URL of a service begins with `http://` or `https://`".into(), None));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        let help = "credentials go into `headers`";
        return Err(complain(at, "the URL of a service has no credentials, query or fragment".into(), Some(help)));
    }
    let mut made = Service { url, loopback: false, private: false, headers: Vec::new() };
    for allow in table.allow {
        match allow.get_ref().as_str() {
            "loopback" => made.loopback = true,
            "private" => made.private = true,
            other => {
                let message = format!("`{other}` cannot be allowed");
                return Err(complain(allow.span(), message, Some("`loopback` or `private`")));
            }
        }
    }
    for (name, value) in table.headers {
        let filled = expand(value.get_ref(), variable).map_err(|missing| {
            complain(value.span(), format!("the environment variable `{missing}` is not set"), None)
        })?;
        made.headers.push((name.to_ascii_lowercase(), filled));
    }
    Ok(made)
}

/// Puts environment variables where `${NAME}` stands. Errors: the name that is not set.
fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&variable(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
