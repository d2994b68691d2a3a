//! What the examples share: a sandbox of X, and a file to upload.
#![expect(unreachable_pub, reason = "a module of examples, shared by path")]

mod clip;

use chunkwise_sandbox::{Sandbox, SandboxError};

pub use clip::clip;

/// A token that the sandbox takes.
pub const TOKEN: &str = chunkwise_sandbox::credentials::USER_TOKEN;

/// X's upload API on this machine.
pub async fn sandbox() -> Result<Sandbox, SandboxError> {
    Sandbox::builder().start().await
}
