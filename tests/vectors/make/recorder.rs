//! A proxy on loopback that keeps what goes through it. One request for each connection to the server, so that the
//! end of a response is the end of the connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request as it was sent, and the body of its response without transfer coding.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) request: Vec<u8>,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

pub(super) struct Recorder {
    pub(super) port: u16,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Recorder {
    /// Listens on a free port, in front of `server`.
    pub(super) fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&exchanges);
        // Ends with the process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let list = Arc::clone(&list);
                thread::spawn(move || {
                    // A client may hang up at any time; then there is nothing to keep.
                    let _ = client.ok().and_then(|client| forward(client, server, &list));
                });
            }
        });
        Self { port, exchanges }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/scep", self.port)
    }

    /// All that went through since the last call.
    pub(super) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.exchanges.lock().unwrap())
    }
}

fn forward(mut client: TcpStream, server: u16, list: &Mutex<Vec<Exchange>>) -> Option<()> {
    let mut request = Vec::new();
    let head = loop {
        let mut buffer = [0; 4096];
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&buffer[..count]);
        if let Some(end) = find(&request, b"\r\n\r\n") {
            let length = header(&request[..end], "content-length").map_or(0, |text| text.parse().unwrap());
            while request.len() < end + 4 + length {
                let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
                request.extend_from_slice(&buffer[..count]);
            }
            break end;
        }
    };
    let mut upstream = TcpStream::connect(("127.0.0.1", server)).ok()?;
    // The same with another header: whatever there was of keeping the connection is taken out.
    let mut forwarded: String = String::from_utf8_lossy(&request[..head])
        .split("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    forwarded += "Connection: close\r\n\r\n";
    upstream.write_all(forwarded.as_bytes()).ok()?;
    upstream.write_all(&request[head + 4..]).ok()?;
    let mut response = Vec::new();
    // A server that closes before it has read all resets the connection behind its response.
    let _ = upstream.read_to_end(&mut response);
    let end = find(&response, b"\r\n\r\n")?;
    let status = std::str::from_utf8(&response[..end]).ok()?.split(' ').nth(1)?.parse().ok()?;
    let body = match header(&response[..end], "transfer-encoding") {
        Some(_) => dechunk(&response[end + 4..]),
        None => response[end + 4..].to_vec(),
    };
    // Kept before it is passed on: the client may ask again at once.
    list.lock().unwrap().push(Exchange { request, status, body });
    client.write_all(&response).ok()
}

pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    std::str::from_utf8(head).unwrap().lines().find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = find(body, b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
}
