//! Compose projects for real, on a machine that is a container.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use super::engine::Engine;
use super::live::{hand_over_the_image, on, steps};
use crate::support::archive;
use crate::support::sandbox::Sandbox;

const KV: &str = "services:
  kv:
    image: box:1
    command: httpd -f -v -p 8500 -h /data
    volumes: ['data:/data']
    restart: unless-stopped
    healthcheck: { test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1:8500/note'], interval: 1s, retries: 3, start_period: 30s }
    stop_grace_period: 1s
    entrypoint: [sh, -c, 'touch /data/note; exec \"$$@\"', --]
volumes: { data: {} }
";

const SITE: &str = "include: [../common/side.yaml]
services:
  web:
    build: app
    image: web
    ports: ['80:80']
    secrets: [password]
    configs: [{ source: greeting, target: /greeting }]
    env_file: [{ path: none.env, required: false }]
    stop_grace_period: 1s
  tool: { image: nowhere/tool, profiles: [tools] }
secrets: { password: { file: ../keys/password } }
configs: { greeting: { file: greeting } }
";

const SIDE: &str = "services:
  side:
    extends: { file: base/base.yaml, service: base }
    command: httpd -f -p 81
    volumes: ['./www:/www:ro']
";

const MACHINES: &str = "name: pair
id: x7k2
machines:
  web:
    provider: here
    image: { build: debian-13, packages: [busybox-static, docker-registry] }
    resources: { ram: 1, cpus: 2 }
";

const PROJECTS: &str = "compose:
  site: { on: web, files: [site/compose.yaml], after: [kv], images: [box.tar], wait: 10s }
  kv: { on: web, files: [kv/compose.yaml, kv/more.yaml], env-files: [kv/live.env], images: [box.tar] }
";

/// The busybox that machines have.
fn busybox(engine: &Engine) -> Vec<u8> {
    let image = engine.says(&["image", "ls", "-q"]);
    let id = engine.says(&["create", "--entrypoint", "sh", image.lines().next().expect("an image")]);
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("busybox");
    engine.says(&["cp", &format!("{id}:/usr/bin/busybox"), path.to_str().expect("UTF-8")]);
    engine.says(&["rm", &id]);
    std::fs::read(path).expect("a file")
}

fn sandbox(engine: &Engine, busybox: &[u8]) -> Sandbox {
    let providers = format!("providers: {{ here: {{ driver: docker, host: \"{}\" }} }}\n", engine.host());
    let sandbox =
        Sandbox::with(&format!("{MACHINES}{providers}{PROJECTS}")).sharing_images().in_network_of(engine.pid());
    for (name, text) in [
        ("kv/compose.yaml", KV),
        ("kv/more.yaml", "services: { kv: { environment: { COLOUR: '${COLOUR:?}' } } }\n"),
        ("kv/live.env", "COLOUR=green\n"),
        ("site/compose.yaml", SITE),
        ("site/greeting", "hello\n"),
        (
            "site/app/Dockerfile",
            "FROM box:1\nCOPY . /app/\nCMD [\"httpd\", \"-f\", \"-p\", \"80\", \"-h\", \"/app\"]\n",
        ),
        ("site/app/.dockerignore", "# not for the image\n**/*.log\n!keep/*.log\nDockerfile\n"),
        ("site/app/index.html", "first"),
        ("site/app/deep/er/a.log", ""),
        ("site/app/keep/b.log", ""),
        ("common/side.yaml", SIDE),
        (
            "common/base/base.yaml",
            "services: { base: { image: 'box:1', stop_grace_period: 1s, label_file: labels } }\n",
        ),
        ("common/base/labels", "of=base\n"),
        ("common/www/run", "#!/bin/sh\n"),
        ("common/www/sub/page", "ours\n"),
        ("keys/password", "hunter2\n"),
    ] {
        sandbox.write(name, text);
    }
    let mode = |name: &str, mode| {
        let path = sandbox.project().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a file of ours");
    };
    mode("keys/password", 0o600);
    mode("common/www/run", 0o755);
    std::os::unix::fs::symlink("run", sandbox.project().join("common/www/start")).expect("a link");
    archive::write(&sandbox.project().join("box.tar"), "box:1", busybox, "one");
    sandbox
}

fn docker(sandbox: &Sandbox, words: &str) -> String {
    on(sandbox, "web", &["sudo", "sh", "-c", &format!("docker {words}")])
}

/// The id of each container, by service.
fn containers(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let all = docker(sandbox, "ps -a --no-trunc --format '{{.Label \"com.docker.compose.service\"}} {{.ID}}'");
    all.lines().filter_map(|line| line.split_once(' ')).map(|(name, id)| (name.to_owned(), id.to_owned())).collect()
}

/// Brings all up, and says which services have other containers than before.
fn touched(sandbox: &Sandbox) -> Vec<String> {
    let before = containers(sandbox);
    sandbox.ok("up -y");
    sandbox.assert_converged();
    let after = containers(sandbox);
    let names = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

#[tokio::test]
async fn compose_projects_follow_every_edit() {
    let engine = Engine::start();
    hand_over_the_image(&engine, "debian-13", &["busybox-static", "docker-registry"]).await;
    let busybox = busybox(&engine);
    let sandbox = sandbox(&engine, &busybox);

    everything_comes_along_in_order(&sandbox);
    a_change_touches_one_service(&sandbox);
    what_happened_behind_our_back_is_repaired(&sandbox);
    links_where_folders_were_lead_nowhere(&sandbox);
    images_come_from_archives(&sandbox, &busybox);
    failures_say_why(&sandbox);
    a_private_registry_hands_out_images_to_who_is_logged_in(&sandbox);
    a_project_that_left_takes_no_data_along(&sandbox);
    sandbox.ok("destroy -y");
}

fn everything_comes_along_in_order(sandbox: &Sandbox) {
    let up = sandbox.ok("up -y --progress json");
    let events: Vec<&str> = up.stderr.lines().filter(|line| line.contains("compose.project/")).collect();
    let at = |resource: &str, event: &str| {
        let is_it = |line: &&str| line.contains(&format!("\"{resource}\"")) && line.contains(&format!("\"{event}\""));
        events.iter().position(is_it).unwrap_or_else(|| panic!("{resource} {event}: {events:#?}"))
    };
    assert!(at("compose.project/kv@web", "finished") < at("compose.project/site@web", "started"), "{events:#?}");
    let sent = |project: &str| events.iter().any(|line| line.contains(project) && line.contains("sending box.tar"));
    assert!(!sent("site@web"), "it was there: {events:#?}");
    sandbox.assert_converged();

    assert_eq!(
        docker(sandbox, "exec site-web-1 sh -c 'cd /app && echo $(ls -a . keep)'"),
        ".: . .. .dockerignore index.html keep keep: . .. b.log"
    );
    assert_eq!(docker(sandbox, "exec kv-kv-1 sh -c 'echo $COLOUR'"), "green");
    assert_eq!(docker(sandbox, "exec site-web-1 cat /run/secrets/password /greeting"), "hunter2\nhello");
    assert_eq!(docker(sandbox, "exec site-web-1 stat -c %a /run/secrets/password"), "600");
    assert_eq!(
        docker(sandbox, "exec site-side-1 stat -c '%a %N' /www/run /www/start"),
        "755 /www/run\n777 '/www/start' -> 'run'"
    );
    assert_eq!(docker(sandbox, "inspect -f '{{.Config.Labels.of}}' site-side-1"), "base");
}

fn a_change_touches_one_service(sandbox: &Sandbox) {
    sandbox.edit("common/side.yaml", "-p 81", "-p 82");
    assert_eq!(touched(sandbox), ["side"]);
    sandbox.edit("site/greeting", "hello", "good day");
    assert_eq!(touched(sandbox), ["web"], "it mounts the file");
    assert_eq!(docker(sandbox, "exec site-web-1 cat /greeting"), "good day");
    sandbox.edit("site/app/index.html", "first", "second");
    assert_eq!(touched(sandbox), ["web"], "it was built anew");
    sandbox.edit("kv/live.env", "green", "blue");
    assert_eq!(touched(sandbox), ["kv"]);
    sandbox.edit("site/compose.yaml", "include: [../common/side.yaml]\n", "");
    assert_eq!(touched(sandbox), ["side"]);
    assert!(!containers(sandbox).contains_key("side"), "it left the files");
    sandbox.edit("site/compose.yaml", "services:\n", "include: [../common/side.yaml]\nservices:\n");
    assert_eq!(touched(sandbox), ["side"]);
    sandbox.write("common/www/new", "");
    assert_eq!(touched(sandbox), [""; 0], "it simply appears");
    docker(sandbox, "exec site-side-1 cat /www/new");
}

fn what_happened_behind_our_back_is_repaired(sandbox: &Sandbox) {
    for (by_hand, told, repaired) in [
        ("stop site-side-1", "side stopped", [""; 0].as_slice()),
        ("pause site-web-1", "web paused", &[]),
        ("rm -f kv-kv-1", "kv missing", &["kv"]),
        (
            "exec kv-kv-1 sh -c 'mv /data/note /data/gone'; until docker ps | grep -q unhealthy; do sleep 0.5; done",
            "kv unhealthy",
            &[],
        ),
    ] {
        docker(sandbox, by_hand);
        let plan = sandbox.ok("plan").stdout;
        assert!(plan.contains(&format!("{told} → all up")), "{plan}");
        assert_eq!(steps(sandbox).len(), 1, "{plan}");
        assert_eq!(touched(sandbox), repaired, "{told}");
    }
    on(
        sandbox,
        "web",
        &[
            "sudo",
            "sh",
            "-c",
            "cd /var/lib/machine/compose/site/current && echo x >site/greeting && rm common/www/start",
        ],
    );
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("files.site/greeting") && plan.contains("files.common/www/start"), "{plan}");
    assert_eq!(touched(sandbox), ["web"]);
}

/// Nothing is written through a link that somebody, a container perhaps, put where a folder of ours was.
fn links_where_folders_were_lead_nowhere(sandbox: &Sandbox) {
    let script =
        "mkdir /root/trap && cd /var/lib/machine/compose/site/current/common/www && rm -r sub && ln -s /root/trap sub";
    on(sandbox, "web", &["sudo", "sh", "-c", script]);
    assert_eq!(touched(sandbox), [""; 0]);
    assert_eq!(on(sandbox, "web", &["sudo", "ls", "-A", "/root/trap"]), "");
    assert_eq!(docker(sandbox, "exec site-side-1 cat /www/sub/page"), "ours");
}

fn images_come_from_archives(sandbox: &Sandbox, busybox: &[u8]) {
    docker(sandbox, "tag web box:1");
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("images.box:1"), "{plan}");
    assert_eq!(touched(sandbox), [""; 0], "the name means what it meant before");

    archive::write(&sandbox.project().join("box.tar"), "box:1", busybox, "two");
    assert_eq!(touched(sandbox), ["kv", "side", "web"]);
    assert_eq!(docker(sandbox, "exec site-web-1 cat /note"), "two");
}

fn failures_say_why(sandbox: &Sandbox) {
    let good = |name: &str| std::fs::read_to_string(sandbox.project().join(name)).expect("a file");
    for (name, old, new, told) in [
        (
            "common/side.yaml",
            "command: httpd -f -p 82",
            "command: sh -c 'echo no such colour; exit 3'",
            &["side ends with status 3", "no such colour"][..],
        ),
        (
            "common/side.yaml",
            "command: httpd -f -p 82",
            "command: sh -c 'echo I am ill; exec sleep 600'\n    healthcheck: { test: [CMD, ls, /nowhere], interval: 1s, retries: 2 }",
            &["side is unhealthy", "I am ill"],
        ),
        (
            "site/app/Dockerfile",
            "CMD",
            "RUN echo building && ls /nowhere\nCMD",
            &["ls: /nowhere: No such file or directory"],
        ),
        ("kv/compose.yaml", "    restart", "    ports: ['80:8500']\n    restart", &["port is already allocated"]),
        ("kv/compose.yaml", "command:", "comand:", &["comand"]),
    ] {
        let before = good(name);
        sandbox.edit(name, old, new);
        let failed = sandbox.run(["up", "-y"]);
        assert_eq!(failed.code, 1, "{}{}", failed.stdout, failed.stderr);
        for word in told {
            assert!(failed.stderr.contains(word), "{word}:\n{}", failed.stderr);
        }
        sandbox.write(name, &before);
    }
    sandbox.ok("up -y");
    sandbox.assert_converged();
}

/// Debian's `docker-registry`, on the machine itself.
fn a_private_registry_hands_out_images_to_who_is_logged_in(sandbox: &Sandbox) {
    const CONFIG: &str = "version: 0.1
storage: { filesystem: { rootdirectory: /var/lib/docker-registry } }
http: { addr: '127.0.0.1:5000' }
auth: { htpasswd: { realm: here, path: /etc/docker/registry/users } }
";
    let asks_for = |hash: &str| {
        let script = format!(
            "cd /etc/docker/registry && printf '%s' \"$1\" >config.yml && echo 'bob:{hash}' >users && \
             systemctl restart docker-registry && until wget -qO- http://127.0.0.1:5000/ >/dev/null; do sleep 1; done"
        );
        on(sandbox, "web", &["sudo", "sh", "-c", &script.replace("wget", "busybox wget"), "sh", CONFIG]);
    };
    asks_for("$2b$05$0pM4DlVVZcSdFslrN/y82uHbIVnzAeD2GbVs6XlbMYRC911XIjgDq");
    docker(
        sandbox,
        "tag box:1 127.0.0.1:5000/app:1 && echo swordfish | docker login -u bob --password-stdin 127.0.0.1:5000 && \
         docker push -q 127.0.0.1:5000/app:1 && docker logout 127.0.0.1:5000 && docker rmi 127.0.0.1:5000/app:1",
    );
    sandbox.write(
        "shop/compose.yaml",
        "services: { shop: { image: '127.0.0.1:5000/app:1', command: sleep 600, init: true } }\n",
    );
    let with_shop = format!("{PROJECTS}  shop: {{ on: web, directory: shop }}\n");
    sandbox.edit("Machinefile.yaml", PROJECTS, &with_shop);
    let refused = sandbox.run(["up", "-y"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("registry 127.0.0.1:5000 refuses: "), "{}", refused.stderr);

    sandbox.write("keys/registry", "swordfish\n");
    let login = "    registries: { '127.0.0.1:5000': { username: bob, password: { file: keys/registry } } }\n    provider: here\n";
    sandbox.edit("Machinefile.yaml", "    provider: here\n", login);
    assert_eq!(steps(sandbox)[0], "host.registries/web create none");
    let mut said = sandbox.ok("up -y --progress json");
    sandbox.assert_converged();
    assert_eq!(on(sandbox, "web", &["sudo", "stat", "-c", "%a %U", "/root/.docker/config.json"]), "600 root");

    asks_for("$2b$05$8rvLPTxkGgabRsjaQZg.6u2GqCRh0GD2wkfwc62bEroOn5m76JdEK");
    sandbox.write("keys/registry", "tuna\n");
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("bob with another password → bob"), "{plan}");
    said.stderr += &sandbox.ok("up -y").stderr;
    sandbox.assert_converged();
    let records =
        sandbox.files("state").iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect::<Vec<_>>();
    let records = String::from_utf8_lossy(&records);
    for word in ["swordfish", "tuna", "Ym9iOn"] {
        assert!(
            ![records.as_ref(), &said.stderr, &said.stdout, &plan].iter().any(|text| text.contains(word)),
            "{word} is seen"
        );
    }

    sandbox.edit("Machinefile.yaml", login, "    provider: here\n");
    assert_eq!(steps(sandbox), ["host.registries/web delete none"]);
    sandbox.edit("Machinefile.yaml", &with_shop, PROJECTS);
    sandbox.ok("up -y");
    sandbox.assert_converged();
    on(sandbox, "web", &["sudo", "test", "!", "-e", "/root/.docker/config.json"]);
}

fn a_project_that_left_takes_no_data_along(sandbox: &Sandbox) {
    on(sandbox, "web", &["sudo", "sh", "-c", "echo precious >/var/lib/machine/compose/kv/current/kv/made-here"]);
    docker(sandbox, "exec kv-kv-1 sh -c 'echo precious >/data/made-here'");
    let machinefile = std::fs::read_to_string(sandbox.project().join("Machinefile.yaml")).expect("a file");
    sandbox.edit("Machinefile.yaml", PROJECTS, "");
    assert_eq!(steps(sandbox), ["compose.project/site@web delete restart", "compose.project/kv@web delete restart"]);
    sandbox.ok("up -y");
    sandbox.assert_converged();
    assert_eq!(docker(sandbox, "ps -aq"), "");
    assert_eq!(docker(sandbox, "volume ls -q"), "kv_data");
    assert_eq!(
        on(sandbox, "web", &["sudo", "find", "/var/lib/machine/compose", "-type", "f"]),
        "/var/lib/machine/compose/kv/current/kv/made-here"
    );
    sandbox.write("Machinefile.yaml", &machinefile);
    sandbox.ok("up -y");
    sandbox.assert_converged();
    assert_eq!(docker(sandbox, "exec kv-kv-1 cat /data/made-here"), "precious");
}
