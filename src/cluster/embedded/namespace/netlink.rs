//! Brings `lo` up: one `RTM_NEWLINK` message, as `ip link set lo up` sends it (`rtnetlink(7)`).

use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

// linux/netlink.h, linux/rtnetlink.h and linux/if.h.
const RTM_NEWLINK: u16 = 16;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const IFF_UP: u32 = 1;
/// `lo` is the first interface of every network namespace (`loopback_net_init` in the kernel).
const LOOPBACK_INDEX: i32 = 1;
/// Bytes of `struct nlmsghdr` and of `struct ifinfomsg`.
const HEADER_BYTES: usize = 16;
const LINK_BYTES: usize = 16;

/// Brings the loopback interface of the present network namespace up.
pub(super) fn loopback_up() -> nix::Result<()> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(5))?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &link_up(LOOPBACK_INDEX), &kernel, MsgFlags::empty())?;
    let mut answer = [0u8; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    acknowledged(&answer[..length])
}

fn link_up(index: i32) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER_BYTES + LINK_BYTES);
    message.extend(u32::try_from(HEADER_BYTES + LINK_BYTES).unwrap_or_default().to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend(1u32.to_ne_bytes()); // sequence number
    message.extend(0u32.to_ne_bytes()); // port: the kernel fills it in
    message.extend([0u8; 2]); // ifi_family AF_UNSPEC and padding
    message.extend(0u16.to_ne_bytes()); // ifi_type
    message.extend(index.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes()); // ifi_flags
    message.extend(IFF_UP.to_ne_bytes()); // ifi_change: which flags are meant
    message
}

/// Reads the kernel's answer: an error message whose code 0 is the acknowledgement.
fn acknowledged(answer: &[u8]) -> nix::Result<()> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(nix::Error::from_raw(-code)),
        _ => Err(nix::Error::EPROTO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_what_ip_link_set_lo_up_sends() {
        let message = link_up(1);
        assert_eq!(message.len(), 32);
        assert_eq!(message[0..4], 32u32.to_ne_bytes());
        assert_eq!(message[4..8], [16u16.to_ne_bytes(), 5u16.to_ne_bytes()].concat());
        assert_eq!(message[20..32], [1u32.to_ne_bytes(), 1u32.to_ne_bytes(), 1u32.to_ne_bytes()].concat());
    }

    #[test]
    fn a_refusal_is_the_kernels_errno() {
        let answer = |code: i32| {
            let mut bytes = [0u8; 36];
            bytes[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
            bytes[16..20].copy_from_slice(&code.to_ne_bytes());
            bytes
        };
        assert_eq!(acknowledged(&answer(0)), Ok(()));
        assert_eq!(acknowledged(&answer(-1)), Err(nix::Error::EPERM));
        assert_eq!(acknowledged(&[]), Err(nix::Error::EPROTO));
    }
}
