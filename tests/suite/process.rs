//! The program as a process: started in a folder of its own, watched line by line, ended whatever happens.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

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
