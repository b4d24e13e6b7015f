//! A web server that says what a test tells it to, and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    listener: Option<TcpListener>,
}

impl Server {
    /// `answer` is given a request's head and writes to the connection.
    pub fn new(answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (address, asked) = (listener.local_addr().expect("an address"), Arc::new(Mutex::new(Vec::new())));
        let (own, log, answer) = (listener.try_clone().expect("a listener"), Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in own.incoming() {
                let Ok(mut stream) = stream else { return };
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let head = head(&stream);
                    if head.starts_with("QUIT ") {
                        return;
                    }
                    log.lock().unwrap().push(head.clone());
                    // The client may have had enough.
                    _ = answer(&head, &mut stream);
                });
            }
        });
        Self { address, asked, listener: Some(listener) }
    }

    /// Answers each path with one of these texts, and knows nothing else.
    pub fn of(texts: &'static [(&'static str, &'static str)]) -> Self {
        Self::new(move |head, stream| {
            let path = head.split(' ').nth(1).unwrap_or_default();
            match texts.iter().find(|(known, _)| *known == path) {
                Some((_, text)) => ok(stream, "", text.as_bytes()),
                None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            }
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Frees the port: the thread that accepts is woken and sees that nobody listens.
        if let Some(listener) = self.listener.take() {
            _ = listener.set_nonblocking(true);
            _ = TcpStream::connect(self.address).and_then(|mut stream| stream.write_all(b"QUIT / \r\n\r\n"));
        }
    }
}

fn head(stream: &TcpStream) -> String {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while reader.read_line(&mut head).is_ok_and(|n| n > 2) {}
    head
}

pub fn ok(stream: &mut TcpStream, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}
