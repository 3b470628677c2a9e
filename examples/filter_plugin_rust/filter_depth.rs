//! A plugin in Rust, without crates: a filter of keys that have so many parts. "3" matches "db/pool/size", not "db/size".
//! The structs are those of sdk/plugin/plugin.h and filter.h as of ABI 1.1, written down for this language. No panic leaves
//! a slot: what could panic is within caught().

use std::os::raw::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::{ptr, slice, str};

const OK: i32 = 0;
const INVALID_ARGUMENT: i32 = 1;
const IO: i32 = 12;
const KIND_FILTER: u32 = 3;
const PARTS_MAX: u32 = 240; // no key is longer than 480 octets

#[repr(C)]
pub struct Bytes {
    data: *const u8,
    size: u64,
}

#[repr(C)]
pub struct Error {
    struct_size: u32,
    reserved: u32,
    message: [u8; 1024],
}

#[repr(C)]
pub struct FilterTable {
    struct_size: u32,
    reserved: u32,
    kind: *const c_char,
    compile: extern "C" fn(Bytes, *mut *mut Depth, *mut Error) -> i32,
    canonical: extern "C" fn(*const Depth, *mut Bytes),
    range: extern "C" fn(*const Depth, *mut Bytes, *mut Bytes),
    matches: extern "C" fn(*const Depth, Bytes, Bytes) -> i32,
    close: extern "C" fn(*mut Depth),
    reads_value: extern "C" fn(*const Depth) -> i32,
}

#[repr(C)]
pub struct Interface {
    kind: u32,
    reserved: u32,
    table: *const FilterTable,
}

#[repr(C)]
pub struct Descriptor {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    name: *const c_char,
    version: *const c_char,
    summary: *const c_char,
    interfaces: *const Interface,
    interface_count: u64,
}

// They hold pointers to what is static, and nobody writes to them.
unsafe impl Sync for FilterTable {}
unsafe impl Sync for Interface {}
unsafe impl Sync for Descriptor {}

pub struct Depth {
    parts: u32,
    canonical: String,
}

fn octets<'a>(bytes: &Bytes) -> &'a [u8] {
    if bytes.size == 0 {
        return &[];
    }
    unsafe { slice::from_raw_parts(bytes.data, bytes.size as usize) }
}


fn fail(error: *mut Error, status: i32, sentence: &str) -> i32 {
    if let Some(error) = unsafe { error.as_mut() } {
        let size = sentence.len().min(error.message.len() - 1);
        error.message[..size].copy_from_slice(&sentence.as_bytes()[..size]);
        error.message[size] = 0;
    }
    status
}

fn caught(otherwise: i32, work: impl FnOnce() -> i32) -> i32 {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}

extern "C" fn compile(spec: Bytes, filter: *mut *mut Depth, error: *mut Error) -> i32 {
    caught(IO, || {
        let number = str::from_utf8(octets(&spec)).ok().and_then(|word| word.parse::<u32>().ok());
        match number {
            Some(parts) if (1..=PARTS_MAX).contains(&parts) => {
                let made = Box::new(Depth { parts, canonical: parts.to_string() });
                unsafe { *filter = Box::into_raw(made) };
                OK
            }
            _ => fail(error, INVALID_ARGUMENT, "depth: a number of parts from 1 to 240 is needed"),
        }
    })
}

extern "C" fn canonical(filter: *const Depth, spec: *mut Bytes) {
    let text = unsafe { &(*filter).canonical };
    unsafe { *spec = Bytes { data: text.as_ptr(), size: text.len() as u64 } };
}

// Any key can have so many parts.
extern "C" fn range(_: *const Depth, begin: *mut Bytes, end: *mut Bytes) {
    unsafe {
        *begin = Bytes { data: ptr::null(), size: 0 };
        *end = Bytes { data: ptr::null(), size: 0 };
    }
}

extern "C" fn matches(filter: *const Depth, key: Bytes, _: Bytes) -> i32 {
    caught(0, || {
        let slashes = octets(&key).iter().filter(|octet| **octet == b'/').count() as u32;
        (slashes + 1 == unsafe { (*filter).parts }) as i32
    })
}

extern "C" fn close(filter: *mut Depth) {
    drop(unsafe { Box::from_raw(filter) });
}

extern "C" fn reads_value(_: *const Depth) -> i32 {
    0
}

#[no_mangle]
pub extern "C" fn belfry_plugin_entry(_host: *const u8, _error: *mut Error) -> *const Descriptor {
    static TABLE: FilterTable = FilterTable {
        struct_size: std::mem::size_of::<FilterTable>() as u32,
        reserved: 0,
        kind: b"depth\0".as_ptr() as *const c_char,
        compile,
        canonical,
        range,
        matches,
        close,
        reads_value,
    };
    static INTERFACES: [Interface; 1] = [Interface { kind: KIND_FILTER, reserved: 0, table: &TABLE }];
    static DESCRIPTOR: Descriptor = Descriptor {
        struct_size: std::mem::size_of::<Descriptor>() as u32,
        abi_major: 1,
        abi_minor: 1,
        name: b"filter_depth\0".as_ptr() as *const c_char,
        version: b"1.0.0\0".as_ptr() as *const c_char,
        summary: b"Matches keys by how many parts they have.\0".as_ptr() as *const c_char,
        interfaces: INTERFACES.as_ptr(),
        interface_count: 1,
    };
    &DESCRIPTOR
}
