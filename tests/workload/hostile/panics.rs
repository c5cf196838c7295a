// SPDX-License-Identifier: GPL-2.0-only
//! Rust panics through functions, with drops on the way that call functions, caught by
//! catch_unwind(); with "abort" as argument the last round panics where nobody catches.
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::panic;

static mut DROPPED: u64 = 0;

#[no_mangle]
#[inline(never)]
pub fn rust_bottom(n: u64) -> u64 {
    if n % 3 == 0 {
        panic!("every third");
    }
    let list: Vec<u64> = vec![1, 2, n];
    if n % 3 == 1 {
        // An index that is out of range panics in the library.
        return list[black_box(n as usize + 3)];
    }
    black_box(n)
}

#[no_mangle]
#[inline(never)]
pub fn rust_dropped(n: u64) -> u64 {
    unsafe { DROPPED += 1 };
    black_box(n)
}

struct Guard(u64);

impl Drop for Guard {
    fn drop(&mut self) {
        rust_dropped(self.0);
    }
}

#[no_mangle]
#[inline(never)]
pub fn rust_middle(n: u64) -> u64 {
    let _guard = Guard(n);
    black_box(rust_bottom(n)) + 1
}

#[no_mangle]
#[inline(never)]
pub fn rust_top(n: u64) -> u64 {
    match panic::catch_unwind(|| rust_middle(n)) {
        Ok(v) => black_box(v),
        Err(_) => 0,
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{}", line).unwrap();
    out.flush().unwrap();
}

fn hear() {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
}

fn main() {
    let aborts = std::env::args().any(|a| a == "abort");
    let rounds: u64 = 900;
    let mut panicked = 0;

    panic::set_hook(Box::new(|_| {}));
    say("ready");
    hear();
    if aborts {
        // Built with panic=abort: every round but the last one goes well.
        for _ in 0..rounds {
            rust_middle(2);
        }
        say(&format!(
            "{{\"calls\":{{\"rust_middle\":{0},\"rust_bottom\":{0},\"rust_dropped\":{1}}}}}",
            rounds + 1,
            rounds
        ));
        hear();
        rust_middle(3);
    }
    for n in 0..rounds {
        if rust_top(n) == 0 {
            panicked += 1;
        }
    }
    let dropped = unsafe { DROPPED };
    say(&format!(
        "{{\"calls\":{{\"rust_top\":{0},\"rust_middle\":{0},\"rust_bottom\":{0},\"rust_dropped\":{2}}},\
         \"unwound\":{{\"rust_middle\":{1},\"rust_bottom\":{1}}},\
         \"errors\":{{\"rust_middle\":{{\"panic\":{1}}},\"rust_bottom\":{{\"panic\":{1}}}}}}}",
        rounds, panicked, dropped
    ));
    hear();
}
