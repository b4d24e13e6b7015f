//! One command on one channel.

use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig, client};

use crate::transport::ssh::session::Channel;
use crate::transport::{Command, Lines, Output};

/// Runs `command`, feeding the input while both output streams are read. Fails with a reason when the connection
/// went away before the command's status came.
pub(super) async fn exchange(
    channel: Channel,
    command: &str,
    input: &Command,
    line: &mut Lines<'_>,
) -> Result<Output, String> {
    let (mut from, to) = channel.split();
    let to = Open { channel: Some(to) };
    to.half().exec(true, command).await.map_err(|error| error.to_string())?;
    let feeding = async {
        match feed(to.half(), input).await {
            Err(Unfed::Unreadable(why)) => Err(why),
            // A command may end without having read all of its input; what it left behind tells how it went.
            Ok(()) | Err(Unfed::Untaken) => std::future::pending().await,
        }
    };
    tokio::select! {
        output = drain(&mut from, line) => output,
        why = feeding => why,
    }
}

/// Closes the channel also when nobody waits for its command any more: a connection has only so many.
struct Open {
    channel: Option<ChannelWriteHalf<client::Msg>>,
}

impl Open {
    fn half(&self) -> &ChannelWriteHalf<client::Msg> {
        self.channel.as_ref().expect("only dropping takes it")
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let (Some(channel), Ok(runtime)) = (self.channel.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { channel.close().await });
        }
    }
}

/// Why not all of a command's input was fed.
enum Unfed {
    Unreadable(String),
    Untaken,
}

impl From<russh::Error> for Unfed {
    fn from(_: russh::Error) -> Self {
        Self::Untaken
    }
}

async fn feed(to: &ChannelWriteHalf<client::Msg>, input: &Command) -> Result<(), Unfed> {
    to.data(&input.stdin[..]).await?;
    if let Some(attachment) = &input.attachment {
        let unreadable = |error| Unfed::Unreadable(format!("{}: {error}", attachment.path.display()));
        let mut file = attachment.open().await.map_err(unreadable)?;
        loop {
            let piece = attachment.next(&mut file).await.map_err(unreadable)?;
            if piece.is_empty() {
                break;
            }
            to.data(&piece[..]).await?;
        }
    }
    Ok(to.eof().await?)
}

async fn drain(from: &mut ChannelReadHalf, line: &mut Lines<'_>) -> Result<Output, String> {
    let (mut stdout, mut stderr, mut status) = (Spoken::default(), Spoken::default(), None);
    while let Some(message) = from.wait().await {
        match message {
            ChannelMsg::Data { data } => stdout.push(&data, line),
            ChannelMsg::ExtendedData { data, ext: 1 } => stderr.push(&data, line),
            ChannelMsg::ExitStatus { exit_status } => status = Some(i32::try_from(exit_status).unwrap_or(255)),
            ChannelMsg::ExitSignal { signal_name, .. } => status = Some(128 + number(&signal_name)),
            ChannelMsg::Failure => return Err("the server refuses to run commands".to_owned()),
            _ => {}
        }
    }
    let status = status.ok_or("the connection ended before the command did")?;
    Ok(Output { status, stdout: stdout.end(line), stderr: stderr.end(line) })
}

fn number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    }
}

/// A stream's bytes, handed on line by line; a carriage return ends a line too, as progress bars use it.
#[derive(Default)]
struct Spoken {
    all: Vec<u8>,
    told: usize,
}

impl Spoken {
    fn push(&mut self, data: &[u8], line: &mut Lines<'_>) {
        self.all.extend_from_slice(data);
        while let Some(length) = self.all[self.told..].iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.tell(self.told + length, line);
            self.told += 1;
        }
    }

    fn tell(&mut self, end: usize, line: &mut Lines<'_>) {
        let text = String::from_utf8_lossy(&self.all[self.told..end]);
        if !text.trim().is_empty() {
            line(&text);
        }
        self.told = end;
    }

    fn end(mut self, line: &mut Lines<'_>) -> String {
        self.tell(self.all.len(), line);
        String::from_utf8_lossy(&self.all).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Spoken;

    #[test]
    fn lines_are_told_once_whole_and_without_their_ends() {
        let (mut told, mut lines) = (Vec::new(), Spoken::default());
        let mut line = |text: &str| told.push(text.to_owned());
        for piece in ["one\ntw", "o\r\n", "\n10 %\r20 %\r", "last"] {
            lines.push(piece.as_bytes(), &mut line);
        }
        assert_eq!(lines.end(&mut line), "one\ntwo\r\n\n10 %\r20 %\rlast");
        assert_eq!(told, ["one", "two", "10 %", "20 %", "last"]);
    }
}
