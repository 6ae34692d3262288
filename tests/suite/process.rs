//! The program as a process: started in a folder of its own, watched line by line, ended whatever happens.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::Value as Json;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with definitions and a configuration.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) -> &Folder {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }
}

pub fn fermata() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_fermata"))
}

/// Runs the program to its end. Gives the exit code and all it printed.
pub fn once(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(fermata());
    command.args(arguments).current_dir(folder.path()).envs(environment.iter().copied()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
    (output.status.code().unwrap_or(-1), text)
}

/// A program that goes on; it is killed when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub fn start(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        let mut command = Command::new(fermata());
        command.args(arguments).current_dir(folder.path()).envs(environment.iter().copied());
        Running::of(command)
    }

    /// Any program.
    pub fn of(mut command: Command) -> Running {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (to, lines) = channel();
        let pipes: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for pipe in pipes {
            let to = to.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let _ = to.send(line);
                }
            });
        }
        Running { child, lines, seen: Vec::new() }
    }

    /// Waits for a line that holds a text, among those not yet seen.
    pub fn line(&mut self, part: &str) -> Result<String, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(part) {
                        return Ok(line);
                    }
                }
                Err(_) => return Err(format!("`{part}` was not printed; printed was:\n{}", self.seen.join("\n"))),
            }
        }
    }

    /// The lines up to one that holds a text.
    pub fn lines_until(&mut self, part: &str) -> Result<Vec<String>, String> {
        let from = self.seen.len();
        self.line(part)?;
        Ok(self.seen[from..].to_vec())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end as Ctrl-C does, and waits for it. Errors: it did not end, or not well.
    pub fn interrupt(&mut self) -> Result<(), String> {
        let sent = Command::new("kill").args(["-INT", &self.id().to_string()]).status().map_err(|e| e.to_string())?;
        if !sent.success() {
            return Err("the signal could not be sent".into());
        }
        let status = until("the program to end", || self.child.try_wait().ok().flatten())?;
        if status.success() { Ok(()) } else { Err(format!("it ended with {status}")) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Looks again and again until there is something, 60 s at most.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    let deadline = Instant::now() + PATIENCE;
    let (_to, never) = channel::<()>();
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return Ok(found);
        }
        let _ = never.recv_timeout(Duration::from_millis(50));
    }
    Err(format!("waited 60 s for {what}"))
}

/// An HTTP client of one service.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or(Json::Null)
    }

    /// Errors: another status than expected, with the body.
    pub fn expect(self, status: u16) -> Result<Answer, String> {
        if self.status == status {
            Ok(self)
        } else {
            Err(format!("expected {status}, got {}: {}", self.status, self.text))
        }
    }

    /// Holds a problem against its kind and a part of its detail.
    pub fn problem(self, status: u16, code: &str, part: &str) -> Result<(), String> {
        let answer = self.expect(status)?;
        let json = answer.json();
        let media = answer.headers.get("content-type").map(|v| v.to_str().unwrap_or("").to_owned());
        let fits = json["type"] == format!("/problems/{code}")
            && json["status"] == status
            && json["detail"].as_str().is_some_and(|d| d.contains(part))
            && answer.headers.contains_key("x-request-id");
        if fits && media.as_deref() == Some("application/problem+json") {
            Ok(())
        } else {
            Err(format!("not the problem `{code}` with `{part}`: {media:?} {}", answer.text))
        }
    }
}

impl Api {
    pub fn new(base: &str) -> Api {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Api { client: Client::builder().no_proxy().build().unwrap(), base: base.to_owned() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, String> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|e| format!("{path}: {e:?}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await.map_err(|e| e.to_string())? })
    }

    pub async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Json) -> Result<Answer, String> {
        let json = [("content-type", "application/json")];
        self.send(Method::POST, path, &json, Some(body.to_string())).await
    }

    pub async fn start(&self, process: &str, input: Json) -> Result<Answer, String> {
        self.post(&format!("/v1/processes/{process}/runs"), &serde_json::json!({"input": input})).await
    }

    /// The result, waited for.
    pub async fn result(&self, id: &str) -> Result<Answer, String> {
        self.send(Method::GET, &format!("/v1/runs/{id}/result"), &[("prefer", "wait=60")], None).await
    }

    /// Looks at a path until its JSON is as wanted.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Json) -> bool) -> Result<Json, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut every = tokio::time::interval(Duration::from_millis(100));
        let mut last = String::new();
        while Instant::now() < deadline {
            every.tick().await;
            match self.get(path).await {
                Ok(answer) if wanted(&answer.json()) => return Ok(answer.json()),
                Ok(answer) => last = answer.text,
                Err(error) => last = error,
            }
        }
        Err(format!("{path} was not as wanted within 60 s; last: {last}"))
    }
}
