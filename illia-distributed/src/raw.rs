//! The C functions of cpp/group.cpp, each wrapped once.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

use tch::Tensor;
use torch_sys::C_tensor;

unsafe extern "C" {
    fn illia_message_free(message: *mut c_char);
    fn illia_group_new(
        out: *mut *mut c_void,
        address: *const c_char,
        port: u16,
        serves: bool,
        prefix: *const c_char,
        rank: c_int,
        size: c_int,
        interfaces: *const c_char,
        host: *const c_char,
        milliseconds: i64,
    ) -> *mut c_char;
    fn illia_group_free(group: *mut c_void);
    fn illia_all_reduce(group: *mut c_void, tensor: *mut C_tensor, op: u8) -> *mut c_char;
    fn illia_broadcast(group: *mut c_void, tensor: *mut C_tensor, root: c_int) -> *mut c_char;
    fn illia_all_gather(
        group: *mut c_void,
        tensor: *const C_tensor,
        out: *const *mut C_tensor,
        size: usize,
    ) -> *mut c_char;
    fn illia_barrier(group: *mut c_void) -> *mut c_char;
}

/// c10d's numbers of its reductions.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Op {
    Sum = 0,
    Max = 4,
}

/// What a group is made from.
#[derive(Debug)]
pub(crate) struct Meeting<'a> {
    pub address: &'a str,
    pub port: u16,
    pub serves: bool,
    pub prefix: &'a str,
    pub rank: usize,
    pub size: usize,
    pub interfaces: &'a str,
    pub host: &'a str,
    pub milliseconds: i64,
}

/// A process group of c10d's. One collective at a time: they have to come in the same order in all processes.
#[derive(Debug)]
pub(crate) struct Group(Mutex<*mut c_void>);

// SAFETY: the group belongs to no thread (c10d runs collectives on threads of its own), and the mutex lets one call in at a time.
unsafe impl Send for Group {}
// SAFETY: as above.
unsafe impl Sync for Group {}

type Said = Result<(), String>;

impl Group {
    pub(crate) fn new(meeting: &Meeting<'_>) -> Result<Group, String> {
        let text = |text: &str| CString::new(text).map_err(|_| format!("{text:?} holds a zero byte"));
        let (address, prefix) = (text(meeting.address)?, text(meeting.prefix)?);
        let (interfaces, host) = (text(meeting.interfaces)?, text(meeting.host)?);
        let number = |n: usize| c_int::try_from(n).map_err(|_| format!("{n} is too large a rank"));
        let (rank, size) = (number(meeting.rank)?, number(meeting.size)?);
        let mut group = null_mut();
        // SAFETY: the strings live past the call, and `group` is written where the message is null.
        said(unsafe {
            illia_group_new(
                &raw mut group,
                address.as_ptr(),
                meeting.port,
                meeting.serves,
                prefix.as_ptr(),
                rank,
                size,
                interfaces.as_ptr(),
                host.as_ptr(),
                meeting.milliseconds,
            )
        })?;
        Ok(Group(Mutex::new(group)))
    }

    pub(crate) fn all_reduce(&self, tensor: &mut Tensor, op: Op) -> Said {
        // SAFETY: the tensor is the caller's alone until the call returns, and the group lives as long as `self`.
        self.with(|group| unsafe { illia_all_reduce(group, tensor.as_mut_ptr(), op as u8) })
    }

    pub(crate) fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Said {
        let root = c_int::try_from(root).map_err(|_| format!("{root} is too large a rank"))?;
        // SAFETY: as in `all_reduce`.
        self.with(|group| unsafe { illia_broadcast(group, tensor.as_mut_ptr(), root) })
    }

    /// Writes each process's tensor to that of its rank in `out`.
    pub(crate) fn all_gather(&self, tensor: &Tensor, out: &mut [Tensor]) -> Said {
        let pointers: Vec<*mut C_tensor> = out.iter_mut().map(Tensor::as_mut_ptr).collect();
        // SAFETY: as in `all_reduce`; `pointers` has as many tensors as is said.
        self.with(|group| unsafe {
            illia_all_gather(group, tensor.as_ptr(), pointers.as_ptr(), pointers.len())
        })
    }

    pub(crate) fn barrier(&self) -> Said {
        // SAFETY: the group lives as long as `self`.
        self.with(|group| unsafe { illia_barrier(group) })
    }

    fn with(&self, call: impl FnOnce(*mut c_void) -> *mut c_char) -> Said {
        said(call(*self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: made by `illia_group_new` and freed once.
        unsafe { illia_group_free(*self.0.get_mut().unwrap_or_else(PoisonError::into_inner)) };
    }
}

/// What a call says: nothing, or why it failed.
fn said(message: *mut c_char) -> Said {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a C string that the call made, freed here and nowhere else.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    // SAFETY: as above.
    unsafe { illia_message_free(message) };
    Err(text)
}
