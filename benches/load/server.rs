//! A plain HTTP server: it finds the end of each request's head and answers with 66 bytes.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server in a child process; it ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts one on core 0.
pub(crate) fn start() -> Server {
    super::machine::pin(0);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Server { child, port: line.trim().parse().unwrap() }
}

/// The child: prints its port and serves until its standard input ends.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        std::thread::spawn(|| {
            // The parent holds the other end; when it is gone, so is the server.
            let _ = std::io::stdin().lines().count();
            std::process::abort();
        });
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        }
    });
}

async fn answer(mut stream: tokio::net::TcpStream) {
    const BODY: &str = "012345678901234567890123456789012345678901234567890123456789012345";
    let head = format!("HTTP/1.1 200 OK\r\nX-Pod: bench\r\nContent-Length: {}\r\n", BODY.len());
    let kept = format!("{head}\r\n{BODY}");
    let closing = format!("{head}Connection: close\r\n\r\n{BODY}");
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(n) if n > 0 => filled += n,
            _ => return,
        }
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        let close = buffer[..filled].windows(15).any(|part| part.eq_ignore_ascii_case(b"nnection: close"));
        filled = 0;
        let response = if close { &closing } else { &kept };
        if stream.write_all(response.as_bytes()).await.is_err() || close {
            return;
        }
    }
}
