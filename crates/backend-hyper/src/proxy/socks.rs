//! SOCKS 5 (RFC 1928, user and password by RFC 1929) and SOCKS 4a.

use std::net::IpAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::ProxyFailure;
use super::url::Credentials;
use crate::meter::BoxStream;
use crate::origin::Peer;

const CONNECT: u8 = 1;

const V5: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks a SOCKS 5 proxy for a connection; names are resolved by the proxy.
pub(super) async fn connect_v5(
    mut stream: BoxStream,
    credentials: Option<&Credentials>,
    peer: &Peer,
) -> Result<BoxStream, ProxyFailure> {
    const GARBLED: ProxyFailure = ProxyFailure::Garbled { protocol: "SOCKS 5" };
    let methods: &[u8] = match credentials {
        Some(_) => &[V5, 2, NO_CREDENTIALS, USER_AND_PASSWORD],
        None => &[V5, 1, NO_CREDENTIALS],
    };
    write(&mut stream, methods).await?;
    let [version, method] = read(&mut stream).await?;
    match (version, method, credentials) {
        (V5, NO_CREDENTIALS, _) => {}
        (V5, USER_AND_PASSWORD, Some(credentials)) => log_in(&mut stream, credentials).await?,
        (V5, NONE_ACCEPTABLE | USER_AND_PASSWORD, given) => {
            return Err(ProxyFailure::unauthorized(given.is_some(), "SOCKS 5: no acceptable method"));
        }
        _ => return Err(GARBLED),
    }
    write(&mut stream, &request_v5(peer)?).await?;
    let [version, reply, _, kind] = read(&mut stream).await?;
    if version != V5 {
        return Err(GARBLED);
    }
    granted_v5(reply, peer)?;
    // The address that the proxy connected from; nobody needs it, but it must be read.
    match kind {
        IPV4 => drop(read::<6>(&mut stream).await?),
        IPV6 => drop(read::<18>(&mut stream).await?),
        NAME => {
            let [len] = read(&mut stream).await?;
            let mut rest = vec![0; usize::from(len) + 2];
            stream.read_exact(&mut rest).await?;
        }
        _ => return Err(GARBLED),
    }
    Ok(stream)
}

async fn log_in(stream: &mut BoxStream, credentials: &Credentials) -> Result<(), ProxyFailure> {
    const VERSION: u8 = 1;
    let mut message = vec![VERSION];
    for text in [credentials.user.expose(), credentials.password.expose()] {
        let len = u8::try_from(text.len())
            .map_err(|_| ProxyFailure::Credentials { answer: "longer than 255 bytes".to_owned() })?;
        message.push(len);
        message.extend_from_slice(text.as_bytes());
    }
    write(stream, &message).await?;
    match read(stream).await? {
        [_, 0] => Ok(()),
        [_, status] => Err(ProxyFailure::Credentials { answer: format!("SOCKS 5: status {status}") }),
    }
}

fn request_v5(peer: &Peer) -> Result<Vec<u8>, ProxyFailure> {
    let mut message = vec![V5, CONNECT, 0];
    match peer.ip() {
        Some(IpAddr::V4(ip)) => {
            message.push(IPV4);
            message.extend(ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            message.push(IPV6);
            message.extend(ip.octets());
        }
        None => {
            let len = u8::try_from(peer.host.len()).map_err(|_| ProxyFailure::Unaskable {
                peer: peer.to_string(),
                why: "SOCKS 5 takes names of up to 255 bytes",
            })?;
            message.extend([NAME, len]);
            message.extend_from_slice(peer.host.as_bytes());
        }
    }
    message.extend(peer.port.to_be_bytes());
    Ok(message)
}

/// The replies of RFC 1928 §6.
fn granted_v5(reply: u8, peer: &Peer) -> Result<(), ProxyFailure> {
    let unreached =
        |why: &str| ProxyFailure::Unreached { peer: peer.to_string(), answer: format!("SOCKS 5: {why}") };
    let forbidden =
        |why: &str| ProxyFailure::Forbidden { peer: peer.to_string(), answer: format!("SOCKS 5: {why}") };
    Err(match reply {
        0 => return Ok(()),
        1 => unreached("general failure"),
        2 => forbidden("not allowed by its rules"),
        3 => unreached("network unreachable"),
        4 => unreached("host unreachable"),
        5 => unreached("connection refused"),
        6 => unreached("time to live expired"),
        7 => forbidden("command not supported"),
        8 => forbidden("kind of address not supported"),
        other => unreached(&format!("reply {other}")),
    })
}

/// Asks a SOCKS 4 proxy for a connection; a name goes by the 4a extension.
pub(super) async fn connect_v4(
    mut stream: BoxStream,
    credentials: Option<&Credentials>,
    peer: &Peer,
) -> Result<BoxStream, ProxyFailure> {
    let user = credentials.map_or("", |credentials| credentials.user.expose());
    write(&mut stream, &request_v4(user, peer)?).await?;
    let [version, reply, ..] = read::<8>(&mut stream).await?;
    if version != 0 {
        return Err(ProxyFailure::Garbled { protocol: "SOCKS 4" });
    }
    let answer = |why: &str| format!("SOCKS 4: {why}");
    match reply {
        0x5a => Ok(stream),
        0x5b => Err(ProxyFailure::Unreached { peer: peer.to_string(), answer: answer("rejected or failed") }),
        0x5c | 0x5d => Err(ProxyFailure::unauthorized(!user.is_empty(), answer("user id not accepted"))),
        _ => Err(ProxyFailure::Garbled { protocol: "SOCKS 4" }),
    }
}

fn request_v4(user: &str, peer: &Peer) -> Result<Vec<u8>, ProxyFailure> {
    // An impossible address tells the proxy to look for a name behind the user id.
    const NAME_FOLLOWS: [u8; 4] = [0, 0, 0, 1];
    let unaskable = |why| ProxyFailure::Unaskable { peer: peer.to_string(), why };
    let (address, name) = match peer.ip() {
        Some(IpAddr::V4(ip)) => (ip.octets(), None),
        Some(IpAddr::V6(_)) => return Err(unaskable("SOCKS 4 knows no IPv6")),
        None if peer.host.contains('\0') => return Err(unaskable("it is no valid host")),
        None => (NAME_FOLLOWS, Some(&peer.host)),
    };
    let mut message = vec![4, CONNECT];
    message.extend(peer.port.to_be_bytes());
    message.extend(address);
    message.extend_from_slice(user.as_bytes());
    message.push(0);
    if let Some(name) = name {
        message.extend_from_slice(name.as_bytes());
        message.push(0);
    }
    Ok(message)
}

async fn write(stream: &mut BoxStream, bytes: &[u8]) -> Result<(), ProxyFailure> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    Ok(())
}

async fn read<const N: usize>(stream: &mut BoxStream) -> Result<[u8; N], ProxyFailure> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
