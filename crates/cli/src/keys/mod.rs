//! `chunkwise keys`: who may use the gateway, how much, and what they have used.

mod args;
mod dollars;
mod table;

use std::path::Path;
use std::time::SystemTime;

use chunkwise_gateway::StartError;
use chunkwise_gateway::store::{
    Balance, Billing, CreateKeyError, Key, KeyId, LedgerError, MicroDollars, NewKey, RequestId, Store,
    UnixMillis, Usage,
};
use serde_json::{Value, json};

pub(crate) use args::KeysArgs;

use self::args::KeysAction;
use crate::context::Context;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::render::{document, json_line, result, say, shown};
use crate::serve;

pub(crate) async fn run(context: Context, args: KeysArgs) -> Result<Exit, Failed> {
    let settings = serve::settings(args.settings.as_deref())?;
    let folder = args.gateway_dir.unwrap_or(settings.state_dir);
    let store = open(&folder, &args.action).await?;
    let json = context.output.json;
    match args.action {
        KeysAction::Create(args) => {
            let new = args.into_new();
            let (id, key) = create(&store, &new).await?;
            if json {
                json_line(&document("key", json!({ "id": id.as_str(), "api_key": key })));
            } else {
                result(&key);
                say(&format!(
                    "This is the only time that the key is shown: only its hash is kept, in {}.",
                    shown(&folder.display().to_string())
                ));
                if new.billing == Billing::Prepaid {
                    say(&format!("It has nothing yet: chunkwise keys credit {id} DOLLARS"));
                }
            }
        }
        KeysAction::List => {
            let keys = of_all(&store).await?;
            if json {
                keys.iter().for_each(|key| json_line(&document("key", key.fields())));
            } else {
                table::keys(&keys);
            }
        }
        KeysAction::Credit { id, amount } => {
            let key = of(&store, &id).await?.key;
            if key.billing == Billing::Metered {
                let what = format!("the key {id} has no balance: only those made with --prepaid do");
                return Err(Failed::new(Exit::Usage, what));
            }
            let request = RequestId::new(now()).map_err(|error| failing(&error))?;
            let credited = store.ledger().credit(&key.id, request, amount, now()).await;
            credited.map_err(|error| match error {
                LedgerError::Overflow => Failed::new(Exit::Usage, "that is more than can be booked"),
                error => failing(&error),
            })?;
            let known = of(&store, &id).await?;
            if json {
                json_line(&document("key", known.fields()));
            } else {
                let left = known.available().map_or_else(|| "unknown".to_owned(), table::money);
                result(&format!(
                    "{}: {} credited, {left} there",
                    table::name(&known.key),
                    table::money(amount)
                ));
            }
        }
        KeysAction::Usage { id } => {
            let keys = match id {
                Some(id) => vec![of(&store, &id).await?],
                None => of_all(&store).await?,
            };
            if json {
                keys.iter().for_each(|key| json_line(&document("usage", key.used())));
            } else {
                table::usage(&keys);
            }
        }
        KeysAction::Revoke { id } => {
            let key = of(&store, &id).await?.key;
            store.keys().revoke(&key.id, now()).await.map_err(|error| failing(&error))?;
            say(&format!("{} is worth nothing from now on", table::name(&key)));
        }
    }
    store.close().await.map_err(|error| failing(&error))?;
    Ok(Exit::Ok)
}

/// The store in the gateway's folder. Making the first key makes both; whatever else is asked of a folder without one is asked
/// of the wrong folder.
async fn open(folder: &Path, action: &KeysAction) -> Result<Store, Failed> {
    let database = folder.join("gateway.db");
    match action {
        KeysAction::Create(_) => {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder).map_err(|error| {
                Failed::new(Exit::Io, format!("{} can't be made: {error}", folder.display()))
            })?;
        }
        KeysAction::List
        | KeysAction::Credit { .. }
        | KeysAction::Usage { .. }
        | KeysAction::Revoke { .. } => {
            let there = database.try_exists().map_err(|error| {
                let what =
                    format!("{} can't be looked into: {error}; its owner and root may", folder.display());
                Failed::new(Exit::NoInput, what)
            })?;
            if !there {
                let what = format!(
                    "there is no gateway in {}: name its folder with --gateway-dir, or make the first key there",
                    folder.display()
                );
                return Err(Failed::new(Exit::NoInput, what));
            }
        }
    }
    Ok(Store::open(database).await.map_err(StartError::from)?)
}

/// A key with what it has and what it did.
struct Known {
    key: Key,
    balance: Balance,
    usage: Usage,
}

impl Known {
    /// What a prepaid key has left.
    fn available(&self) -> Option<MicroDollars> {
        match self.key.billing {
            Billing::Prepaid => self.balance.available(),
            Billing::Metered => None,
        }
    }

    fn state(&self) -> &'static str {
        match (self.key.revoked_at, self.key.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(at)) if at <= now() => "expired",
            (None, _) => "good",
        }
    }

    fn fields(&self) -> Value {
        let Key { limits, .. } = &self.key;
        json!({
            "id": self.key.id.as_str(), "label": self.key.label, "environment": self.key.environment,
            "state": self.state(), "prepaid": self.key.billing == Billing::Prepaid,
            "balance_micro_dollars": self.available().map(MicroDollars::get),
            "limits": {
                "requests_per_second": limits.requests_per_second, "burst": limits.burst,
                "bytes_per_minute": limits.bytes_per_minute, "uploads_at_once": limits.uploads_at_once,
            },
            "created_at_ms": self.key.created_at.get(), "expires_at_ms": self.key.expires_at.map(UnixMillis::get),
            "last_used_at_ms": self.key.last_used_at.map(UnixMillis::get),
        })
    }

    fn used(&self) -> Value {
        json!({
            "id": self.key.id.as_str(), "label": self.key.label, "calls": self.usage.settled.count,
            "charged_micro_dollars": self.usage.settled.amount.get(), "refunded_calls": self.usage.refunded.count,
            "reserved_micro_dollars": self.balance.reserved.get(), "bytes": self.usage.bytes,
            "credited_micro_dollars": self.balance.credited.get(),
            "balance_micro_dollars": self.available().map(MicroDollars::get),
        })
    }
}

async fn of_all(store: &Store) -> Result<Vec<Known>, Failed> {
    let all = UnixMillis::new(0)..UnixMillis::new(i64::MAX);
    let mut known = Vec::new();
    for key in store.keys().list().await.map_err(|error| failing(&error))? {
        let balance = store.ledger().balance(&key.id).await.map_err(|error| failing(&error))?;
        let usage = store.ledger().usage(&key.id, all.clone()).await.map_err(|error| failing(&error))?;
        known.push(Known { key, balance, usage });
    }
    Ok(known)
}

async fn of(store: &Store, id: &str) -> Result<Known, Failed> {
    // What is typed may be a whole key: it is not repeated unless it is an id.
    let id: KeyId = id.parse().map_err(|error| {
        Failed::new(Exit::Usage, format!("this names no key: {error}; `chunkwise keys list` shows them"))
    })?;
    let known = of_all(store).await?.into_iter().find(|known| known.key.id == id);
    known.ok_or_else(|| {
        Failed::new(Exit::Usage, format!("there is no key {id}; `chunkwise keys list` shows them"))
    })
}

/// Makes a key, and shows it this once.
pub(crate) async fn create(store: &Store, new: &NewKey) -> Result<(KeyId, String), Failed> {
    let (id, key) = store.keys().create(new, now()).await.map_err(|error| {
        let exit = match error {
            CreateKeyError::Label | CreateKeyError::BytesPerMinute => Exit::Usage,
            _ => Exit::Io,
        };
        Failed::new(exit, format!("no key can be made: {error}"))
    })?;
    Ok((id, key.expose().clone()))
}

fn failing(error: &dyn std::fmt::Display) -> Failed {
    Failed::new(Exit::Io, error.to_string())
}

fn now() -> UnixMillis {
    SystemTime::now().into()
}
