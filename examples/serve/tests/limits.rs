//! Bad requests, too much, too slow, too many, and the end.

mod common;
#[path = "limits/requests.rs"]
mod requests;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Running, ask, file, many, post, read, request};
use serve::Limits;

/// One prediction at a time and none that waits, of many rows.
fn narrow() -> Limits {
    Limits { workers: 1, queue: 0, rows: common::MANY, body: 8 << 20, ..Limits::default() }
}

#[test]
fn slow_clients_are_told_and_let_go() {
    let server = Running::start("classes", Limits { read: Duration::from_millis(300), ..Limits::default() });
    let start = Instant::now();
    let body = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n[1,";
    let answer = ask(server.address, body.as_bytes());
    assert_eq!((answer.status, answer.sentence().as_str()), (408, "the body did not come within 300ms"));
    let answer = ask(server.address, b"POST /predict HTTP/1.1\r\nhos");
    assert_eq!((answer.status, answer.sentence().as_str()), (408, "the request did not come within 300ms"));
    // One that says nothing is let go without a word.
    assert_eq!(ask(server.address, b"").status, 0);
    assert!(start.elapsed() < Duration::from_secs(20));

    // One that drips byte by byte has no more time than others.
    let mut drip = TcpStream::connect(server.address).unwrap();
    let dripped = body.bytes().cycle().take_while(|byte| {
        std::thread::sleep(Duration::from_millis(20));
        drip.write_all(&[*byte]).is_ok()
    });
    assert!(dripped.take(1000).count() < 200);
    assert_eq!(server.predict("[1, 2]").status, 200);
    server.await_connections(1);
}

#[test]
fn a_client_that_reads_no_answers_is_let_go() {
    let server = Running::start("classes", Limits { read: Duration::from_millis(300), ..Limits::default() });
    let mut deaf = TcpStream::connect(server.address).unwrap();
    deaf.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    // Until its answers fill what lies between.
    while deaf.write_all(request.as_bytes()).is_ok() {}
    server.await_connections(1);
}

#[test]
fn what_is_too_much_gets_503_and_the_rest_its_answer() {
    let server = Running::start("slow", narrow());
    let address = server.address;
    let first = std::thread::spawn(move || post(address, &many()));
    server.await_prediction();
    let second = server.predict(&format!("[{}]", ["1"; 64].join(",")));
    assert_eq!(second.status, 503, "{second:?}");
    assert_eq!(second.sentence(), "1 predictions run or wait already");
    assert!(second.head.contains("retry-after: 1"), "{second:?}");
    // Health and metrics are answered all the while.
    assert_eq!(server.metric("serve_predicting"), 1.0);
    let first = first.join().unwrap();
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.json()["answers"].as_array().unwrap().len(), common::MANY);
    assert_eq!(server.metric("serve_predicting"), 0.0);
}

#[test]
fn an_answer_that_takes_too_long_is_not_awaited_and_keeps_its_place() {
    let server = Running::start("slow", Limits { answer: Duration::from_millis(30), ..narrow() });
    let late = server.predict(&many());
    assert_eq!((late.status, late.sentence().as_str()), (503, "no answer within 30ms"));
    // It is still being worked on: work is never more than what is allowed.
    assert_eq!(server.metric("serve_predicting"), 1.0);
    server.await_metric("serve_predicting", 0);
    assert_eq!(server.metric("serve_seconds_count"), 0.0);
}

#[test]
fn one_that_stops_answers_what_it_took() {
    let mut server = Running::start("slow", narrow());
    let address = server.address;
    let first = std::thread::spawn(move || post(address, &many()));
    server.await_prediction();
    // One that is open and idle is let go.
    let mut idle = TcpStream::connect(address).unwrap();
    server.await_connections(3);
    server.stop();
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(server.left(), 0);
    assert_eq!(first.join().unwrap().status, 200);
}

#[test]
fn one_that_stops_waits_no_longer_than_its_grace() {
    let limits = Limits { grace: Duration::from_millis(50), ..Limits::default() };
    let mut server = Running::start("classes", limits);
    let mut half = TcpStream::connect(server.address).unwrap();
    half.write_all(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n[1,").unwrap();
    server.await_connections(2);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.left(), 1);
}

#[cfg(unix)]
#[test]
fn the_program_ends_well_on_sigterm() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_serve"))
        .arg(file("slow"))
        .args(["--address", "127.0.0.1:0", "--rows", "4096", "--body", "8388608", "--refuse-above", "0.5"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stdout = program.stdout.take().unwrap();
    while !said.contains("listening on") || !said.ends_with('\n') {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{said}");
        said.push(byte[0].into());
    }
    assert!(said.contains("a doubt above 0.5000 (standard deviation) are refused"), "{said}");
    let address = said.rsplit("http://").next().unwrap().trim().parse().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request(&many()).as_bytes()).unwrap();
    let is_predicting = || {
        ask(address, b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .body
            .contains("serve_predicting 1")
    };
    while !is_predicting() {}
    let signal = Command::new("kill").args(["-TERM", &program.id().to_string()]).status().unwrap();
    assert!(signal.success());
    assert_eq!(read(stream).status, 200);
    assert!(program.wait().unwrap().success());
    stdout.read_to_string(&mut said).unwrap();
    assert!(said.ends_with("stopping\nstopped; every request that was taken is answered\n"), "{said}");
}

#[test]
fn a_command_line_that_is_wrong_is_said() {
    for (arguments, words) in [
        (&[][..], "an ONNX file is wanted"),
        (&["x.onnx", "--queue", "-1"], "--queue -1: a number from 0"),
        (&["x.onnx", "--level", "2"], "--level 2: a number from 0.01 to 0.9999"),
        (&["x.onnx", "--sped"], "--sped"),
        (&["x.onnx"], "x.onnx"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_serve")).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with("serve: ") && said.contains(words) && said.lines().count() == 1, "{said}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_serve")).arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--refuse-above"));
}
