//! Requests that cannot be answered, and the sentence that each gets.

use serve::Limits;

use crate::common::{Running, ask};

#[test]
fn bad_bodies_are_answered_with_a_sentence() {
    let server = Running::start("classes", Limits { rows: 3, ..Limits::default() });
    for (body, status, words) in [
        ("", 400, "the body is not JSON"),
        ("hello", 400, "the body is not JSON"),
        ("[1, 2", 400, "the body is not JSON"),
        ("[NaN, 1]", 400, "neither NaN nor Infinity"),
        ("[1, 1e999]", 400, "number out of range"),
        ("[1, 1e39]", 422, "row 0: 1e39 is too large for single precision"),
        ("{\"x\": [1, 2]}", 422, "expected arrays of numbers"),
        ("[\"1\", \"2\"]", 422, "expected arrays of numbers"),
        ("[null, 1]", 422, "expected arrays of numbers"),
        ("7", 422, "[batch, 2] is wanted"),
        ("[1, 2, 3]", 422, "axis 1 has length 3"),
        ("[[1, 2], [3]]", 422, "arrays of 2 and of 1"),
        ("[[[1, 2]]]", 422, "this is 3 deep"),
        ("[]", 422, "axis 1 has length 0"),
        ("[[1, 2], [1, 2], [1, 2], [1, 2]]", 422, "1 to 3 rows are taken at once, these are 4"),
    ] {
        let answer = server.predict(body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.sentence().contains(words), "{body}: {answer:?}");
    }
    let deep = server.predict(&"[".repeat(100_000));
    assert_eq!(deep.status, 400, "{deep:?}");
    assert_eq!(server.predict("[1, 2]").status, 200);
    assert_eq!(server.metric("serve_requests_total{path=\"/predict\",status=\"422\"}"), 10.0);
    assert_eq!(server.metric("serve_rows_total"), 1.0);
    assert_eq!(server.metric("serve_seconds_count"), 1.0);
}

#[test]
fn other_paths_and_methods_are_answered_with_a_sentence() {
    let server = Running::start("classes", Limits::default());
    for (line, status, words) in [
        ("GET /", 404, "there are /predict"),
        ("POST /predict/x", 404, "there are /predict"),
        ("GET /predict", 405, "/predict takes POST"),
        ("DELETE /metrics", 405, "take GET"),
    ] {
        let answer = ask(
            server.address,
            format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
        );
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert!(answer.sentence().contains(words), "{line}: {answer:?}");
    }
    let health = ask(server.address, b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let health = health.json();
    assert_eq!(
        (&health["status"], &health["input"]["shape"]),
        (&"ok".into(), &serde_json::json!(["batch", 2]))
    );
    // What is no HTTP does no harm.
    for bytes in [&b"\0\0\0\0\0\0\0\0\0\0\r\n\r\n"[..], b"GET /health HTTP/9.9\r\n\r\n", &[0xff; 4096]] {
        assert_eq!(ask(server.address, bytes).status, 400);
    }
    assert_eq!(server.predict("[1, 2]").status, 200);
}

#[test]
fn bodies_that_are_too_large_are_read_off_and_answered() {
    let server = Running::start("classes", Limits { body: 100, ..Limits::default() });
    let announced = server.predict(&" ".repeat(30 << 20));
    assert_eq!((announced.status, announced.sentence().as_str()), (413, "a body has at most 100 bytes"));
    let head = "POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("64\r\n{}\r\n", " ".repeat(100));
    let chunks = ask(server.address, format!("{head}{}0\r\n\r\n", chunk.repeat(1000)).as_bytes());
    assert_eq!(chunks.status, 413, "{chunks:?}");
    let asks = "POST /predict HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 101\r\n\r\n";
    assert_eq!(ask(server.address, asks.as_bytes()).status, 413);
    let header = format!("GET /health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(64 << 10));
    assert_eq!(ask(server.address, header.as_bytes()).status, 431);
    assert_eq!(server.predict("[1, 2]").status, 200);
}
