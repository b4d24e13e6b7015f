//! Texts from addresses: kept, pinned, and never without end.

use std::io::Write as _;
use std::time::{Duration, Instant};

use libmachine::transport::text::{Address, Error, MAX_BYTES, Text, Texts};
use sha2::{Digest as _, Sha256};

use super::server::{Server, ok};

struct Client {
    folder: tempfile::TempDir,
    offline: bool,
}

impl Client {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), offline: false }
    }

    fn get(&self, url: &str) -> Result<Text, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let texts = Texts::new(self.folder.path().to_owned(), self.offline)?.within(Duration::from_secs(2));
        runtime.block_on(async { texts.get(&Address::parse(url)?).await })
    }

    fn bytes(&self, url: &str) -> Vec<u8> {
        self.get(url).expect("a text").bytes
    }
}

#[test]
fn a_copy_is_asked_about_and_taken_when_it_still_holds() {
    let server = Server::new(|head, stream| {
        if head.to_lowercase().contains("if-none-match: \"v1\"") {
            return stream.write_all(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
        }
        ok(stream, "ETag: \"v1\"\r\n", b"first")
    });
    let client = Client::new();
    assert_eq!(client.bytes(&server.url("/a")), b"first");
    assert_eq!(client.bytes(&server.url("/a")), b"first");
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_server_that_is_away_or_broken_leaves_the_copy_and_one_that_says_no_does_not() {
    let url;
    let client = Client::new();
    {
        let server = Server::of(&[("/a", "text")]);
        url = server.url("/a");
        assert_eq!(client.get(&url).unwrap().stale, None);
    }
    let old = client.get(&url).expect("a copy");
    assert_eq!(old.bytes, b"text");
    assert!(old.stale.expect("a reason").contains("does not answer"));
    assert!(matches!(Client::new().get(&url), Err(Error::Away { .. })), "without a copy there is nothing");

    let said_no = Server::of(&[]);
    assert_eq!(
        client.get(&said_no.url("/a")).unwrap_err().to_string(),
        format!("{} answers 404 Not Found", said_no.url("/a"))
    );
}

#[test]
fn a_pinned_text_is_only_that_text_and_is_asked_for_once() {
    let server = Server::of(&[("/a", "text")]);
    let client = Client::new();
    let right = format!("{}#sha256={}", server.url("/a"), hex::encode(Sha256::digest("text")));
    let wrong = format!("{}#sha256={}", server.url("/a"), hex::encode(Sha256::digest("other")));
    assert!(matches!(client.get(&wrong), Err(Error::Digest { .. })));
    assert_eq!(client.bytes(&right), b"text");
    assert_eq!(client.bytes(&right), b"text");
    assert_eq!(server.asked().len(), 2, "one for the wrong digest, one for the right");
}

#[test]
fn offline_there_are_copies_and_files_only() {
    let server = Server::of(&[("/a", "text")]);
    let mut client = Client::new();
    let file = client.folder.path().join("here");
    std::fs::write(&file, "file").expect("written");
    client.offline = true;
    assert!(matches!(client.get(&server.url("/a")), Err(Error::Offline { .. })));
    assert_eq!(client.bytes(&format!("file://{}", file.display())), b"file");
    client.offline = false;
    client.bytes(&server.url("/a"));
    client.offline = true;
    assert_eq!(client.bytes(&server.url("/a")), b"text");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn redirects_without_end_end() {
    let server = Server::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    });
    let error = Client::new().get(&server.url("/a")).unwrap_err();
    assert!(error.to_string().ends_with("cannot be followed: it leads on more than 5 times"), "{error}");
    assert_eq!(server.asked().len(), 6);
}

#[test]
fn a_text_of_ten_gigabytes_is_cut_off_whether_it_says_so_or_not() {
    let says = Server::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 8192])?;
        }
    });
    assert!(matches!(Client::new().get(&says.url("/a")), Err(Error::TooLarge { .. })));
    let hides = Server::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 8192])?;
        }
    });
    assert!(matches!(Client::new().get(&hides.url("/a")), Err(Error::TooLarge { .. })));
    let fits = Server::new(|_, stream| ok(stream, "", &vec![b'x'; MAX_BYTES]));
    assert_eq!(Client::new().bytes(&fits.url("/a")).len(), MAX_BYTES);
}

#[test]
fn a_server_that_hangs_or_drips_is_left_in_time() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"] {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let server = Server::new(move |_, stream| {
            stream.write_all(answer.as_bytes())?;
            _ = held.lock().unwrap().recv();
            Ok(())
        });
        let start = Instant::now();
        let error = Client::new().get(&server.url("/a")).unwrap_err();
        assert!(matches!(error, Error::Slow { .. }), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20));
        drop(release);
    }
}

#[test]
fn an_address_says_what_is_wrong_with_it_and_keeps_its_password() {
    let said = |text: &str| Address::parse(text).map(|address| address.to_string()).map_err(|error| error.to_string());
    assert_eq!(said("https://me:secret@a.example/x"), Ok("https://me:***@a.example/x".to_owned()));
    for (text, why) in [
        ("settings.yaml", "relative URL without a base"),
        ("ftp://a/x", "only http, https and file are known"),
        ("https://a/x#sha256=12", "a SHA-256 digest has 64 hexadecimal digits"),
        ("https://a/x#here", "only `#sha256=` and a digest may follow it"),
    ] {
        assert_eq!(said(text), Err(format!("`{text}` is no address: {why}")));
    }
}
