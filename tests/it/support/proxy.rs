//! Something between a program and its server that may go wrong: it stops passing bytes on without a word, as a
//! firewall does that forgot a connection, or keeps one question back.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Passes bytes between its own port and a server's; gone with the test, as are its connections.
pub struct Proxy {
    port: u16,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Default)]
struct Gate {
    is_frozen: bool,
    /// How many connections there were, and how many of them never pass anything again.
    made: usize,
    forgotten: usize,
    /// What is sent to the server after these bytes waits, on the connection that they are sent on.
    held: Option<&'static [u8]>,
    /// Connections that wait because of them.
    holding: usize,
    is_over: bool,
}

impl Proxy {
    /// In front of a port of this host.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let gate = Arc::<(Mutex<Gate>, Condvar)>::default();
        let shared = gate.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = {
                    let mut gate = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if gate.is_over {
                        return;
                    }
                    gate.made += 1;
                    gate.made
                };
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                for (from, to, is_asked) in [(&client, &server, true), (&server, &client, false)] {
                    let (from, to, gate) = (from.try_clone().unwrap(), to.try_clone().unwrap(), shared.clone());
                    std::thread::spawn(move || pass(from, to, number, is_asked, &gate));
                }
            }
        });
        Self { port: own, gate }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Nothing passes any more, and nobody is told.
    pub fn freeze(&self) {
        self.change(|gate| gate.is_frozen = true);
    }

    /// Passes on again, beginning with what it kept.
    pub fn thaw(&self) {
        self.change(|gate| gate.is_frozen = false);
    }

    /// Passes on what new connections send; those of now stay as they are.
    pub fn forget(&self) {
        self.change(|gate| (gate.is_frozen, gate.forgotten) = (false, gate.made));
    }

    /// Keeps back whatever holds these bytes, and what follows it on the same connection.
    pub fn hold(&self, bytes: &'static str) {
        self.change(|gate| gate.held = Some(bytes.as_bytes()));
    }

    /// Waits until something is kept back.
    #[track_caller]
    pub fn wait_until_held(&self) {
        let end = Instant::now() + PATIENCE;
        let mut gate = self.gate.0.lock().unwrap();
        while gate.holding == 0 {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it is never asked");
            gate = self.gate.1.wait_timeout(gate, left).unwrap().0;
        }
    }

    /// Keeps nothing back.
    pub fn release(&self) {
        self.change(|gate| gate.held = None);
    }

    fn change(&self, change: impl FnOnce(&mut Gate)) {
        change(&mut self.gate.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.gate.1.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|gate| *gate = Gate { is_over: true, holding: gate.holding, ..Gate::default() });
        // Wakes the thread that takes connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, number: usize, is_asked: bool, gate: &(Mutex<Gate>, Condvar)) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        let bytes = &buffer[..count];
        let mut state = gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_held = |state: &Gate| {
            is_asked && state.held.is_some_and(|held| bytes.windows(held.len()).any(|part| part == held))
        };
        let counted = is_held(&state);
        state.holding += usize::from(counted);
        gate.1.notify_all();
        while state.is_frozen || number <= state.forgotten || is_held(&state) {
            state = gate.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.holding -= usize::from(counted);
        let is_over = state.is_over || count == 0;
        drop(state);
        if is_over || to.write_all(bytes).is_err() {
            let _ = to.shutdown(std::net::Shutdown::Both);
            let _ = from.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}
