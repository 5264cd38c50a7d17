//! UDP sockets, and many datagrams a system call.

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind as bind_to, connect, setsockopt, socket, sockopt,
};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Receive buffer of the listening socket, in bytes: 0.1 s of 75,000 packets a second.
const BUFFER: usize = 8 << 20;
/// Receive buffer of the socket of a client with a lease, in bytes.
pub const OWN_BUFFER: usize = 1 << 20;
/// Receive buffer of the socket of a client that only sends much, in bytes.
pub const BUSY_BUFFER: usize = 2 << 20;
/// Send buffer, in bytes: the present values of a large console.
const SEND_BUFFER: usize = 1 << 20;
/// Datagrams a system call.
pub const BATCH: usize = 64;
/// Largest datagram.
const LARGEST: usize = 65_536;
/// Room for the control messages of one datagram, aligned as they have to be.
type Control = [u64; 8];

/// A socket that listens on an address.
///
/// # Errors
/// What the system says; `AddrInUse` where another program has the port.
pub fn bind(listen: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(listen)?;
    // Without address reuse, so that a port that is taken is found out.
    bind_to(socket.as_raw_fd(), &SockaddrStorage::from(listen))?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    Ok(prepare(socket, BUFFER))
}

/// A socket on the same port that gets the packets of one client.
///
/// # Errors
/// What the system says.
pub fn connected(listen: SocketAddr, client: SocketAddr, buffer: usize) -> io::Result<UdpSocket> {
    let socket = open(listen)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind_to(socket.as_raw_fd(), &SockaddrStorage::from(listen))?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(client))?;
    Ok(prepare(socket, buffer))
}

fn open(like: SocketAddr) -> io::Result<OwnedFd> {
    let family = if like.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(family, SockType::Datagram, flags, None)?)
}

/// A large buffer, and a count of what it did not hold; neither is worth failing for.
fn prepare(socket: OwnedFd, buffer: usize) -> UdpSocket {
    if setsockopt(&socket, sockopt::RcvBufForce, &buffer).is_err() {
        let _ = setsockopt(&socket, sockopt::RcvBuf, &buffer);
    }
    let _ = setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER);
    let _ = setsockopt(&socket, sockopt::RxqOvfl, &1);
    UdpSocket::from(socket)
}

/// Datagrams that arrived together.
pub struct Batch {
    bytes: Vec<u8>,
    names: Box<[libc::sockaddr_storage]>,
    controls: Box<[Control]>,
    parts: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

// SAFETY: the pointers inside lead to the heap blocks that the batch owns itself.
unsafe impl Send for Batch {}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// Room for the datagrams of one call. Pages that no datagram reaches cost nothing.
    pub fn new() -> Batch {
        // SAFETY: these are plain C structures, for which all bits zero is a value.
        let (name, part, header) = unsafe { (zeroed::<libc::sockaddr_storage>(), zeroed::<libc::iovec>(), zeroed()) };
        Batch {
            bytes: vec![0; BATCH * LARGEST],
            names: vec![name; BATCH].into(),
            controls: vec![[0; 8]; BATCH].into(),
            parts: vec![part; BATCH].into(),
            headers: vec![header; BATCH].into(),
        }
    }

    /// Takes what waits in a socket, `most` datagrams at most; how many.
    ///
    /// # Errors
    /// `WouldBlock` where nothing waits; what the system says, which may be about a packet sent before.
    pub fn receive(&mut self, socket: &UdpSocket, most: usize) -> io::Result<usize> {
        let most = most.clamp(1, BATCH);
        for (i, header) in self.headers[..most].iter_mut().enumerate() {
            self.parts[i] = libc::iovec { iov_base: self.bytes[i * LARGEST..].as_mut_ptr().cast(), iov_len: LARGEST };
            let header = &mut header.msg_hdr;
            header.msg_name = (&raw mut self.names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
            header.msg_iov = &raw mut self.parts[i];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.controls[i]).cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        let fd = socket.as_fd().as_raw_fd();
        // SAFETY: every header points to room of the stated size that lives as long as `self`.
        let count =
            unsafe { libc::recvmmsg(fd, self.headers.as_mut_ptr(), most as u32, libc::MSG_DONTWAIT, std::ptr::null_mut()) };
        if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count as usize) }
    }

    /// The `i`th datagram of the last call and where it came from.
    pub fn datagram(&self, i: usize) -> Option<(SocketAddr, &[u8])> {
        let length = self.headers[i].msg_len as usize;
        Some((address(&self.names[i])?, &self.bytes[i * LARGEST..][..length]))
    }

    /// How many datagrams the socket had dropped, ever, when the `i`th arrived.
    pub fn dropped(&self, i: usize) -> Option<u32> {
        let header = &self.headers[i].msg_hdr;
        // SAFETY: the kernel has filled the control buffer, whose length it left in the header, and the
        // macros stay within it.
        unsafe {
            let mut message = libc::CMSG_FIRSTHDR(header);
            while let Some(control) = message.as_ref() {
                if control.cmsg_level == libc::SOL_SOCKET && control.cmsg_type == libc::SO_RXQ_OVFL {
                    return Some(libc::CMSG_DATA(message).cast::<u32>().read_unaligned());
                }
                message = libc::CMSG_NXTHDR(header, message);
            }
        }
        None
    }
}

/// How many datagrams a socket has dropped, ever: also those after the last that was read.
pub fn dropped_by(socket: &UdpSocket) -> Option<u32> {
    // `SK_MEMINFO_DROPS`
    memory(socket).map(|numbers| numbers[8])
}

/// How many datagrams wait in a socket at most: none takes less than 512 bytes of the kernel's memory.
pub fn waiting_in(socket: &UdpSocket) -> Option<u64> {
    // `SK_MEMINFO_RMEM_ALLOC`
    memory(socket).map(|numbers| u64::from(numbers[0]) / 512)
}

/// What the kernel tells of a socket's memory, see sock_diag(7).
fn memory(socket: &UdpSocket) -> Option<[u32; 9]> {
    let mut numbers = [0u32; 9];
    let mut length = size_of_val(&numbers) as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `length` bytes into the array, and says how many.
    let done = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, numbers.as_mut_ptr().cast(), &raw mut length) };
    (done == 0 && length as usize == size_of_val(&numbers)).then_some(numbers)
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which structure the storage holds, and it is large enough for each.
            let v4 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_found_out() {
        let first = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let again = bind(first.local_addr().unwrap());
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_client_of_its_own_socket_does_not_reach_the_common_one() {
        for any in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            let common = bind(any.parse().unwrap()).unwrap();
            let port = common.local_addr().unwrap().port();
            let host = if any.starts_with('[') { "::1" } else { "127.0.0.1" };
            let clients: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind((host, 0)).unwrap()).collect();
            let own = connected(common.local_addr().unwrap(), clients[1].local_addr().unwrap(), OWN_BUFFER).unwrap();
            for (i, client) in clients.iter().enumerate() {
                client.send_to(&[i as u8], (host, port)).unwrap();
            }
            let mut batch = Batch::new();
            let read = |batch: &mut Batch, socket: &UdpSocket| {
                let count = batch.receive(socket, BATCH).unwrap();
                (0..count).map(|i| batch.datagram(i).unwrap().1.to_vec()).collect::<Vec<_>>()
            };
            assert_eq!(read(&mut batch, &own), [[1]]);
            assert_eq!(read(&mut batch, &common), [[0], [2]]);
            own.send(b"x").unwrap();
            let mut byte = [0; 1];
            let (_, from) = clients[1].recv_from(&mut byte).unwrap();
            assert_eq!(from.port(), port);
        }
    }

    #[test]
    fn what_the_kernel_dropped_is_counted() {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        setsockopt(&socket, sockopt::RcvBuf, &4096).unwrap();
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = socket.local_addr().unwrap();
        for _ in 0..100 {
            client.send_to(&[0; 1000], at).unwrap();
        }
        let mut batch = Batch::new();
        assert!(waiting_in(&socket).is_some_and(|most| most >= 1));
        let mut received = batch.receive(&socket, BATCH).unwrap();
        assert_eq!(waiting_in(&socket), Some(0));
        // The count comes with the first packet after the loss.
        client.send_to(&[0; 1000], at).unwrap();
        received += batch.receive(&socket, BATCH).unwrap();
        assert_eq!(batch.dropped(0), Some(101 - received as u32));
        assert_eq!(dropped_by(&socket), batch.dropped(0));
    }
}
