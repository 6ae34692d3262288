//! What `diff` asks a server: how many open runs of the old version each finding is about.

use std::path::Path;

use super::OK;
use super::host::{self, Environment};
use super::impact::judge;
use super::sides::Change;
use crate::review::Review;
use crate::temporal::count;

#[derive(clap::Args)]
pub(super) struct Live {
    /// Ask the server for the open runs of the old version, and say of each finding how many it is about
    #[arg(long)]
    live: bool,
    /// The definitions are for `Process@2`, digests, scenarios and approvals; the rest for `--live`
    #[command(flatten)]
    environment: Environment,
}

impl Live {
    pub fn definitions(&self) -> &Path {
        &self.environment.definitions
    }

    /// Counts the open runs of each old version that has a new one, where it was asked for. An exit code, as what could
    /// not be asked is said.
    pub fn count(&self, changes: &[Change], reviews: &mut [Review]) -> u8 {
        if !self.live {
            return OK;
        }
        host::block_on(async {
            for (change, review) in changes.iter().zip(reviews) {
                if let (Some(old), Some(new)) = change {
                    count(review, &judge(&self.environment, old, new).await?);
                }
            }
            Ok(())
        })
    }
}
