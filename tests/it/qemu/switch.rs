//! The switch that joins machines.

use std::path::Path;
use std::time::Duration;

use libmachine::provider::qemu::switch;
use tempfile::TempDir;
use tokio::net::UnixDatagram;

/// A machine's end of a segment.
struct Card {
    socket: UnixDatagram,
    mac: u8,
    switch: std::path::PathBuf,
}

impl Card {
    fn plug(folder: &Path, mac: u8) -> Self {
        let socket = UnixDatagram::bind(folder.join(format!("{mac}.port"))).unwrap();
        Self { socket, mac, switch: folder.join("switch.sock") }
    }

    async fn send(&self, to: u8) {
        let frame =
            [&[if to == 0xff { 0xff } else { 2 }, 0, 0, 0, 0, to][..], &[2, 0, 0, 0, 0, self.mac], b"hello"].concat();
        self.socket.send_to(&frame, &self.switch).await.unwrap();
    }

    /// The sender of the next frame.
    async fn hears(&self) -> Option<u8> {
        let mut frame = [0; 100];
        let heard = tokio::time::timeout(Duration::from_secs(5), self.socket.recv(&mut frame)).await;
        heard.ok().map(|length| frame[..length.unwrap()][11])
    }
}

#[tokio::test]
async fn the_switch_floods_what_it_does_not_know_and_learns_where_machines_are() {
    let folder = TempDir::new().unwrap();
    let [a, b, c] = [1, 2, 3].map(|mac| Card::plug(folder.path(), mac));
    let listener = UnixDatagram::bind(folder.path().join("switch.sock")).unwrap();
    let served = async { switch::forward(&listener, folder.path()).await.unwrap() };
    let talk = async {
        a.send(0xff).await;
        assert_eq!((b.hears().await, c.hears().await), (Some(1), Some(1)));
        b.send(1).await;
        assert_eq!(a.hears().await, Some(2));
        c.send(2).await;
        a.send(3).await;
        // Had the frame between `a` and `b` reached `c`, it would be heard here first.
        assert_eq!((b.hears().await, c.hears().await), (Some(3), Some(1)));
    };
    tokio::select! { () = served => {}, () = talk => {} }
}

#[tokio::test]
async fn machines_do_not_notice_that_the_switch_was_started_again() {
    let folder = TempDir::new().unwrap();
    let [a, b] = [1, 2].map(|mac| Card::plug(folder.path(), mac));
    for _ in 0..2 {
        let listener = UnixDatagram::bind(folder.path().join("switch.sock")).unwrap();
        let served = async { switch::forward(&listener, folder.path()).await.unwrap() };
        let talk = async {
            a.send(2).await;
            assert_eq!(b.hears().await, Some(1));
        };
        tokio::select! { () = served => {}, () = talk => {} }
        std::fs::remove_file(folder.path().join("switch.sock")).unwrap();
    }
}
