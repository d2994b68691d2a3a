//! The sink as a process.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Addresses, Counts};

/// A sink in a process of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Sink {
    child: Child,
    addresses: Addresses,
}

impl Sink {
    /// Starts the program `sink`.
    ///
    /// # Errors
    ///
    /// If it can't be started, or does not say where it listens.
    pub fn start(program: impl AsRef<Path>) -> io::Result<Self> {
        let mut child =
            Command::new(program.as_ref()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let addresses = serde_json::from_str(&line)?;
        Ok(Self { child, addresses })
    }

    /// Where it listens.
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What has come in so far.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn counts(&self) -> io::Result<Counts> {
        let mut stream = TcpStream::connect(self.addresses.http)?;
        stream.write_all(b"GET /counts HTTP/1.1\r\nhost: sink\r\n\r\n")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
        Ok(serde_json::from_str(body)?)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It ends by itself when its standard input does; this is sooner.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
