//! Faults of libzmq 4.3.5 that end the process, lose a descriptor or let strangers in, each mended in a few lines. They are put into copies
//! of its sources as these are compiled; the build fails if a source is not the one that the line is for. One thing is added that
//! libzmq cannot do: see [`crate::ZMQ_SEND_TO_EACH`].

/// A piece of libzmq's source with a fault: file, what it says, what it should.
pub type Mended = (&'static str, &'static str, &'static str);

pub const MENDED: &[Mended] = &[
    // Where a proxy (SOCKS_PROXY) does not answer, libzmq takes its descriptor off the poller, and once more when the socket closes,
    // which ends the process. What takes it off in all other connecters remembers that it did.
    ("socks_connecter.cpp", "    rm_fd (_handle);\n    close ();", "    rm_handle ();\n    close ();"),
    // What does not begin as ZMTP 2 and later do is taken for a peer of ZMTP 1, as libzmq 2 spoke it: a browser, a port scanner. It gets
    // what a PUSH, a DEALER or a REQ sends to one of its peers. But ZMTP 1 begins with the header of an identity, too: a length
    // that is not 0, and then flags, all of which are 0. It is no protocol_error, after which libzmq would never connect again.
    (
        "zmtp_engine.cpp",
        "        if (_greeting_recv[0] != 0xff) {\n",
        "        if (_greeting_recv[0] != 0xff) {\n            if (_greeting_bytes_read < 2)\n                continue;\n",
    ),
    (
        "zmtp_engine.cpp",
        "    return unversioned ? 1 : 0;\n",
        "    if (unversioned\n        && (_greeting_recv[0] == 0\n            || _greeting_recv[_greeting_recv[0] == 0xff ? 9 : 1] != 0)) {
        errno = EPROTO;
        error (connection_error);
        return -1;
    }
    return unversioned ? 1 : 0;\n",
    ),
    // A connection that ends when half of a multipart message is with the system drops the other half, which it takes from the
    // socket's pipe. But a socket that was closed with LINGER 0 has taken its pipe back by then: there is nothing more to drop, and
    // the process ended instead.
    (
        "session_base.cpp",
        "        rc = pull_msg (&msg);\n        errno_assert (rc == 0);",
        "        rc = pull_msg (&msg);\n        if (rc != 0) {\n            _incomplete_in = false;\n            break;\n        }",
    ),
    // Where the socket has refused a peer (a PAIR has only one), what that peer sends has no place, and libzmq waits for one: it reads no
    // more, never sees the peer go, and keeps its descriptor for ever.
    (
        "session_base.cpp",
        "        errno_assert (rc == 0);\n        return 0;\n    }\n\n    errno = EAGAIN;\n    return -1;\n}\n\nint zmq::session_base_t::read_zap_msg",
        "        errno_assert (rc == 0);
        return 0;
    }
    if (!_pipe) {
        int rc = msg_->close ();
        errno_assert (rc == 0);
        rc = msg_->init ();
        errno_assert (rc == 0);
        return 0;
    }

    errno = EAGAIN;
    return -1;
}

int zmq::session_base_t::read_zap_msg",
    ),
    // If the peer was faster than the refusal, its engine waits already: it is to go on.
    (
        "session_base.cpp",
        "    if (!is_terminating () && options.raw_socket) {\n",
        "    if (!_pipe && !is_terminating () && !_pending && !_active
        && !options.raw_socket && _engine && _engine->has_handshake_stage ())
        _engine->restart_input ();

    if (!is_terminating () && options.raw_socket) {\n",
    ),
    (
        "stream_engine_base.cpp",
        "    zmq_assert (_input_stopped);\n    zmq_assert (_session != NULL);",
        "    if (!_input_stopped)\n        return true;\n    zmq_assert (_session != NULL);",
    ),
    // A socket whose SNDHWM or RCVHWM is set tells the other half of each of its pipes, also of those whose end it has confirmed:
    // that half may be freed by then.
    (
        "pipe.cpp",
        "    send_pipe_hwm (_peer, inhwm_, outhwm_);",
        "    if (_state == active)\n        send_pipe_hwm (_peer, inhwm_, outhwm_);",
    ),
    // A message to each peer of a PUSH, as if it were an option of the socket. A pipe takes it also where its high-water mark is reached, as
    // it takes the delimiter at its end; both its ends count it, as any message. All of libzmq is one file, in which pipes come
    // before sockets.
    (
        "pipe.cpp",
        "bool zmq::pipe_t::write (const msg_t *msg_)\n{\n    if (unlikely (!check_write ()))\n        return false;\n",
        "static thread_local bool write_past_hwm = false;

bool zmq::pipe_t::write (const msg_t *msg_)
{
    if (unlikely (!check_write ()) && !(write_past_hwm && _state == active))
        return false;
",
    ),
    (
        "socket_base.cpp",
        "    //  First, check whether specific socket type overloads the option.
    int rc = xsetsockopt (option_, optval_, optvallen_);",
        "    int rc;
    if (option_ == 0x62726b31 && options.type == ZMQ_PUSH) {
        rc = process_commands (0, false);
        if (rc != 0)
            return -1;
        for (pipes_t::size_type i = 0; i != _pipes.size (); ++i) {
            msg_t msg;
            rc = msg.init_buffer (optval_, optvallen_);
            if (rc != 0)
                return -1;
            write_past_hwm = true;
            const bool written = _pipes[i]->write (&msg);
            write_past_hwm = false;
            if (written)
                _pipes[i]->flush ();
            else
                msg.close ();
        }
        return 0;
    }

    //  First, check whether specific socket type overloads the option.
    rc = xsetsockopt (option_, optval_, optvallen_);",
    ),
];
