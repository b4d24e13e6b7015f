//! What user-data is made of, and what of it holds settings.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use libmachine::cloud_init::{Error, Format, MAX_BYTES, Part, decode, settings};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).expect("memory");
    packer.finish().expect("memory")
}

fn shape(parts: &[Part]) -> Vec<(String, Format, String)> {
    let body = |part: &Part| String::from_utf8_lossy(&part.body).into_owned();
    parts.iter().map(|part| (part.name.clone(), part.format, body(part))).collect()
}

fn texts(bytes: &[u8]) -> Vec<(String, String)> {
    settings(bytes).expect("settings").into_iter().map(|found| (found.part, found.text)).collect()
}

const MULTIPART: &str = "Content-Type: multipart/mixed; boundary=\"==B==\"
MIME-Version: 1.0

--==B==
Content-Type: text/cloud-config; charset=\"utf-8\"
MIME-Version: 1.0
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=\"first.cfg\"
Merge-Type: list(append)+dict(recurse_array)+str()

I2Nsb3VkLWNvbmZpZwpjbG91ZC1tYWNoaW5lOgogIHJlc291cmNlczogeyByYW06IDIgfQo=

--==B==
Content-Type: text/x-shellscript
Content-Transfer-Encoding: 8bit

#!/bin/sh
echo hello

--==B==
Content-Type: text/plain

#cloud-config
cloud-machine: { resources: { cpus: 3 } }
--==B==--
";

#[test]
fn a_text_alone_is_one_part_with_every_byte() {
    let text = "#cloud-config\r\npackages: [vim] # \u{fc}\n\n";
    let parts = decode(text.as_bytes()).unwrap();
    assert_eq!(shape(&parts), [("user-data".into(), Format::CloudConfig, text.into())]);
    assert_eq!(decode(b"").unwrap(), []);
}

#[test]
fn both_headers_of_the_roadmap_make_a_cloud_config() {
    for header in ["#cloud-init", "#cloud-config"] {
        let text = format!("{header}\ncloud-machine:\n  resources:\n    ram: 3.5\n...\n");
        assert_eq!(texts(text.as_bytes()), [("user-data".to_owned(), text)]);
    }
}

#[test]
fn multipart_comes_apart_in_order_with_names_types_and_merge_rules() {
    let parts = decode(MULTIPART.as_bytes()).unwrap();
    let expected = [
        ("part 1 (first.cfg)", Format::CloudConfig, "#cloud-config\ncloud-machine:\n  resources: { ram: 2 }\n"),
        ("part 2", Format::Script, "#!/bin/sh\necho hello\n"),
        ("part 3", Format::CloudConfig, "#cloud-config\ncloud-machine: { resources: { cpus: 3 } }"),
    ];
    assert_eq!(shape(&parts), expected.map(|(name, format, body)| (name.to_owned(), format, body.to_owned())));
    assert_eq!(parts[0].merge.as_deref(), Some("list(append)+dict(recurse_array)+str()"));
    let names: Vec<_> = texts(MULTIPART.as_bytes()).into_iter().map(|(part, _)| part).collect();
    assert_eq!(names, ["part 1 (first.cfg)", "part 3"]);
}

#[test]
fn multipart_without_a_mime_version_is_no_multipart_to_cloud_init_and_to_us() {
    let text = MULTIPART.replace("MIME-Version: 1.0\n", "");
    assert_eq!(decode(text.as_bytes()).unwrap()[0].format, Format::Other);
}

#[test]
fn multipart_within_multipart_is_numbered_through() {
    let inner = "Content-Type: multipart/mixed; boundary=\"in\"\n\n--in\n\n#cloud-config\na: 1\n--in--\n";
    let text = format!(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"out\"\n\n--out\n\n#!/bin/sh\n--out\n{inner}--out--\n"
    );
    let parts = decode(text.as_bytes()).unwrap();
    assert_eq!(shape(&parts)[1], ("part 2.1".into(), Format::CloudConfig, "#cloud-config\na: 1".into()));
}

#[test]
fn gzip_is_seen_by_its_bytes_around_the_whole_and_around_a_part() {
    let config = b"#cloud-config\na: 1\n";
    assert_eq!(decode(&gzip(config)).unwrap()[0].body, config);
    assert_eq!(decode(&gzip(MULTIPART.as_bytes())).unwrap().len(), 3);
    let mut text =
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/gzip\n\n"
            .to_vec();
    text.extend(gzip(config));
    text.extend(b"\n--b--\n");
    let parts = decode(&text).unwrap();
    assert_eq!((parts[0].format, parts[0].body.as_slice()), (Format::CloudConfig, config.as_slice()));
}

#[test]
fn an_archive_holds_parts_with_and_without_a_type() {
    let text = "#cloud-config-archive
- |
  #cloud-boothook
  true
- { content: 'a: 1', filename: a.cfg, Merge-Type: 'dict(recurse_list)' }
- { type: text/x-shellscript, content: echo }
- { type: image/png, content: x }
";
    let parts = decode(text.as_bytes()).unwrap();
    let formats: Vec<_> = parts.iter().map(|part| part.format).collect();
    assert_eq!(formats, [Format::Boothook, Format::CloudConfig, Format::Script, Format::Other]);
    assert_eq!((parts[1].name.as_str(), parts[1].merge.as_deref()), ("part 2 (a.cfg)", Some("dict(recurse_list)")));
}

#[test]
fn a_text_that_no_format_fits_holds_no_settings_and_says_so() {
    let error = settings(b"<!DOCTYPE html><title>Log in").unwrap_err();
    assert_eq!(
        error.to_string(),
        "user-data begins with `<!DOCTYPE html><title>Log in`, which is no format of cloud-init"
    );
    assert_eq!(error.hint(), Some("begin it with `#cloud-config`"));
}

#[test]
fn settings_that_only_a_machine_can_evaluate_are_an_error_and_other_templates_are_not() {
    let template = "## template: jinja\n#cloud-config\ncloud-machine: { name: {{ v1.local_hostname }} }\n";
    assert!(matches!(settings(template.as_bytes()), Err(Error::Unknowable { what: "a template", .. })));
    assert_eq!(texts(b"## template: jinja\n#cloud-config\nhostname: {{ v1.x }}\n"), []);
    let patch = "#cloud-config-jsonp\n[{ \"op\": \"remove\", \"path\": \"/cloud-machine/resources\" }]\n";
    assert!(matches!(settings(patch.as_bytes()), Err(Error::Unknowable { what: "a patch", .. })));
}

#[test]
fn bombs_and_nests_end_at_the_limits() {
    let bomb = gzip(&vec![b'#'; MAX_BYTES + 1]);
    assert!(bomb.len() < 10_000);
    assert!(matches!(decode(&bomb), Err(Error::TooLarge { .. })));
    assert!(matches!(decode(&vec![b'#'; MAX_BYTES + 1]), Err(Error::TooLarge { .. })));

    let many = format!("#cloud-config-archive\n{}", "- '#!/bin/sh'\n".repeat(1000));
    assert!(matches!(decode(many.as_bytes()), Err(Error::TooMany { .. })));

    let mut nest = "#cloud-config".to_owned();
    for _ in 0..12 {
        nest = format!("#cloud-config-archive\n{}", serde_json::json!([nest]));
    }
    assert!(matches!(decode(nest.as_bytes()), Err(Error::TooDeep { .. })));

    let laughs = "#cloud-config-archive\n- &a [x,x,x,x,x,x,x,x,x]\n- &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n";
    assert!(matches!(decode(laughs.as_bytes()), Err(Error::Archive { .. })));
}

#[test]
fn damage_names_its_part() {
    let cut = &gzip(&[b'x'; 1000])[..15];
    assert!(decode(cut).unwrap_err().to_string().starts_with("user-data is gzip that cannot be unpacked: "));
    let lost = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=lost\n\nnothing\n";
    assert_eq!(
        decode(lost.as_bytes()).unwrap_err().to_string(),
        "user-data is not the MIME it says it is: its boundary does not occur"
    );
    let text =
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n#cloud-config\na: \xff\n--b--\n";
    assert_eq!(settings(text).unwrap_err().to_string(), "part 1 is not in UTF-8 at byte 17");
}
