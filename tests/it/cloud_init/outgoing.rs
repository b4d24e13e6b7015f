//! What goes to a machine: the user's parts byte for byte, ours after them, nothing of ours within theirs.

use libmachine::cloud_init::{Error, Format, Piece, decode, encode, outgoing};

const OURS: &str = "#cloud-config\n{}\n";

fn pieces(text: &[u8]) -> Vec<Piece> {
    outgoing("user-data", text).expect("can go out")
}

fn sent(text: &[u8]) -> String {
    String::from_utf8(encode(&pieces(text), OURS)).expect("is a text")
}

#[test]
fn the_users_part_comes_first_and_ours_adds_to_it() {
    let text = sent(b"#cloud-config\npackages: [vim]\n");
    let boundary = text.lines().nth(1).and_then(|line| line.split('"').nth(1)).expect("a boundary").to_owned();
    insta::assert_snapshot!(text.replace(&boundary, "machine-BOUNDARY"), @r#"
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="machine-BOUNDARY"

    --machine-BOUNDARY
    Content-Type: text/cloud-config; charset="utf-8"
    Content-Transfer-Encoding: 8bit
    Content-Disposition: attachment; filename="user-data"

    #cloud-config
    packages: [vim]

    --machine-BOUNDARY
    Content-Type: text/cloud-config; charset="utf-8"
    Content-Transfer-Encoding: 8bit
    Content-Disposition: attachment; filename="machine.cfg"
    Merge-Type: list(append)+dict(no_replace,recurse_list)+str()

    #cloud-config
    {}

    --machine-BOUNDARY--
    "#);
}

#[test]
fn whatever_the_user_writes_arrives_byte_for_byte() {
    let every: String = (1..=255_u8).map(char::from).collect();
    let script = format!("#!/bin/sh\n{every}").into_bytes();
    let texts: [&[u8]; 8] = [
        "#cloud-config\n# \u{fc} \u{2192}\n".as_bytes(),
        b"#cloud-config\npackages: [vim]",
        b"#!/bin/sh\n--machine-\n\n\n",
        b"#!/bin/sh\nsendmail <<E\nMIME-Version: 1.0\nE\n",
        &script,
        b"#!/bin/sh\necho from Windows\r\n",
        b"#!/bin/sh\necho half a line break\r",
        b"## template: jinja\n#cloud-config\na: {{ v1.x }}\n",
    ];
    for text in texts {
        let parts = decode(&encode(&pieces(text), OURS)).expect("parts");
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].body, text);
        assert_eq!(Some(parts[0].format), pieces(text)[0].format);
    }
    // cloud-init would take an unencoded umlaut for Latin-1.
    assert!(sent("#!/bin/sh\n# \u{fc}\n".as_bytes()).is_ascii());
}

#[test]
fn the_same_parts_make_the_same_bytes_and_other_parts_another_boundary() {
    assert_eq!(sent(b"#!/bin/sh\n"), sent(b"#!/bin/sh\n"));
    let boundary = |text: &str| text.lines().nth(1).expect("a header").to_owned();
    assert_ne!(boundary(&sent(b"#!/bin/sh\n")), boundary(&sent(b"#!/bin/sh\n\n")));
}

#[test]
fn our_keys_stay_here_and_the_rest_of_the_part_is_as_it_was() {
    let text = "#cloud-config\ncloud-machine:\n  resources: { ram: 3 }\ndocker: {}\npackages:   [vim]  # \u{fc}\n";
    assert_eq!(pieces(text.as_bytes())[0].body, "#cloud-config\npackages:   [vim]  # \u{fc}\n".as_bytes());
    assert_eq!(pieces(b"#cloud-init\ncloud-machine: {}\nrancher:\ndocker:\n...\n"), [], "nothing is left to send");
    let error = outgoing("user-data", b"#cloud-config\ncloud-machine: &a {}\nx: *a\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "user-data holds `cloud-machine`, which cannot be taken out without changing the rest"
    );
}

#[test]
fn mime_and_archives_go_out_whole_unless_a_part_holds_our_keys() {
    let mime = |inner: &str| {
        format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nLaunch-Index: 1\n\n#!/bin/sh\n--b\n\n{inner}\n--b--\n"
        )
    };
    let whole = mime("#cloud-config\na: 1");
    let out = pieces(whole.as_bytes());
    assert_eq!((out.len(), out[0].format, out[0].body.as_slice()), (1, None, whole.as_bytes()));
    assert!(sent(whole.as_bytes()).contains(&whole));

    let out = pieces(mime("#cloud-config\ncloud-machine: {}\na: 1").as_bytes());
    let shape: Vec<_> = out.iter().map(|piece| (piece.name.as_str(), piece.format, piece.body.as_slice())).collect();
    let config: &[u8] = b"#cloud-config\na: 1";
    let script: &[u8] = b"#!/bin/sh";
    assert_eq!(
        shape,
        [("user-data-1", Some(Format::Script), script), ("user-data-2", Some(Format::CloudConfig), config)]
    );

    let archive = b"#cloud-config-archive\n- '#!/bin/sh'\n- 'docker: {}'\n";
    assert_eq!(pieces(archive).len(), 1, "a part with nothing but our keys goes");
    assert_eq!(pieces(b"#cloud-config-archive\n- '#!/bin/sh'\n")[0].format, Some(Format::Archive));
}

#[test]
fn what_would_break_our_own_part_is_refused() {
    let latin = b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n#!/bin/sh\n# \xfc\n--b--\n";
    assert!(matches!(outgoing("user-data", latin), Err(Error::NotUtf8 { .. })));
    assert!(matches!(outgoing("user-data", b"#!/bin/sh\n# \xfc\n"), Err(Error::NotUtf8 { at: 12, .. })));
}
