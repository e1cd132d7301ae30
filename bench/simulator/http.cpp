#include "http.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using std::string;
using std::string_view;

namespace http {
namespace {

constexpr size_t kRead = 256 * 1024;
constexpr size_t kLongestHead = 64 * 1024;

const char* reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 411: return "Length Required";
    default: return "Internal Server Error";
  }
}

bool same(string_view a, string_view b) { return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0; }

string_view trimmed(string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

void fail(const string& what) {
  fprintf(stderr, "%s: %s\n", what.c_str(), strerror(errno));
  exit(EXIT_FAILURE);
}

void Connection::answer(int status, string_view body, string_view type) {
  char head[256];
  int size = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\n", status, reason(status));
  if (!body.empty())
    size += snprintf(head + size, sizeof head - size, "Content-Type: %.*s\r\n", static_cast<int>(type.size()), type.data());
  size += snprintf(head + size, sizeof head - size, "Content-Length: %zu\r\n\r\n", body.size());
  out_.append(head, size).append(body);
}

void Connection::beginStream(const string& streamId) {
  out_ += "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: " + streamId +
          "\r\nContent-Type: application/json\r\n\r\n";
}

void Connection::record(string_view text) {
  char length[24], chunk[24];
  const int digits = snprintf(length, sizeof length, "%zu\n", text.size());
  const int head = snprintf(chunk, sizeof chunk, "%zx\r\n", text.size() + digits);
  out_.append(chunk, head).append(length, digits).append(text).append("\r\n");
}

void Connection::endStream() {
  out_ += "0\r\n\r\n";
  closing_ = true;
}

Server::Server(int port) {
  listening_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listening_, 1024) != 0 ||
      getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail("cannot listen on 127.0.0.1:" + std::to_string(port));
  port_ = ntohs(address.sin_port);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listening_;
  if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, listening_, &event) != 0) fail("epoll");
  scratch_.resize(kRead);
}

void Server::touch(Connection& connection) {
  if (!connection.dirty_) {
    connection.dirty_ = true;
    dirty_.push_back(connection.fd_);
  }
}

void Server::run(const Handler& handler, const Closed& closed, const std::function<double()>& timer) {
  epoll_event events[64];
  double pause = timer();
  while (pause >= 0) {
    const int count = epoll_wait(epoll_, events, 64, static_cast<int>(std::ceil(std::min(pause, 60.0) * 1000)));
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int index = 0; index < count; ++index) {
      const int fd = events[index].data.fd;
      if (fd == listening_) {
        acceptAll();
        continue;
      }
      Connection& connection = *connections_.at(fd);
      if (events[index].events & ~static_cast<uint32_t>(EPOLLOUT)) readFrom(connection, handler);
      if (events[index].events & EPOLLOUT) touch(connection);
    }
    pause = timer();
    while (!dirty_.empty()) {
      Connection& connection = *connections_.at(dirty_.back());
      dirty_.pop_back();
      connection.dirty_ = false;
      flush(connection);
      if (!connection.failed_) continue;
      closed(connection);
      close(connection.fd_);
      connections_.erase(connection.fd_);
    }
  }
}

void Server::acceptAll() {
  int fd;
  while ((fd = accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    connections_[fd] = std::make_unique<Connection>(fd);
  }
}

void Server::readFrom(Connection& connection, const Handler& handler) {
  const ssize_t count = recv(connection.fd_, scratch_.data(), scratch_.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    connection.failed_ = true;
    touch(connection);
    return;
  }
  bytesIn += static_cast<uint64_t>(count);
  connection.in_.append(scratch_.data(), static_cast<size_t>(count));
  size_t at = 0;
  while (!connection.closing_ && handleOne(connection, at, handler)) continue;
  connection.in_.erase(0, at);
  touch(connection);
}

// Handle the request that begins at `at`, if it has arrived completely, and move past it.
bool Server::handleOne(Connection& connection, size_t& at, const Handler& handler) {
  const string_view in = string_view(connection.in_).substr(at);
  const size_t end = in.find("\r\n\r\n");
  if (end == string_view::npos) {
    if (in.size() > kLongestHead) connection.failed_ = true;
    return false;
  }
  const string_view head = in.substr(0, end);
  Request request;
  size_t length = 0;
  bool isChunked = false;
  size_t line = head.find("\r\n");
  const string_view first = head.substr(0, line);
  request.method = first.substr(0, first.find(' '));
  request.path = first.substr(std::min(first.size(), request.method.size() + 1));
  request.path = request.path.substr(0, request.path.find(' '));
  while (line != string_view::npos) {
    const size_t next = head.find("\r\n", line + 2);
    const string_view field = head.substr(line + 2, next == string_view::npos ? next : next - line - 2);
    const size_t colon = std::min(field.find(':'), field.size());
    const string_view name = field.substr(0, colon);
    const string_view value = trimmed(field.substr(std::min(colon + 1, field.size())));
    if (same(name, "Content-Length")) std::from_chars(value.data(), value.data() + value.size(), length);
    if (same(name, "Transfer-Encoding")) isChunked = true;
    if (same(name, "Mesos-Stream-Id")) request.streamId = value;
    if (same(name, "Connection") && same(value, "close") && request.method == "GET") connection.closing_ = true;
    line = next;
  }
  if (isChunked) {
    connection.answer(411, "this server wants requests with a Content-Length");
    connection.closing_ = true;
    return true;
  }
  if (in.size() < end + 4 + length) {
    connection.closing_ = false;  // not yet
    return false;
  }
  request.body = in.substr(end + 4, length);
  handler(connection, request);
  at += end + 4 + length;
  return true;
}

void Server::flush(Connection& connection) {
  while (!connection.failed_ && connection.sent_ < connection.out_.size()) {
    const ssize_t count = send(connection.fd_, connection.out_.data() + connection.sent_,
                               connection.out_.size() - connection.sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) {
      watch(connection, true);
      if (connection.sent_ > connection.out_.size() / 2) {  // drop sent data, not too often
        connection.out_.erase(0, connection.sent_);
        connection.sent_ = 0;
      }
      return;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) connection.failed_ = true;
    else bytesOut += static_cast<uint64_t>(count), connection.sent_ += static_cast<size_t>(count);
  }
  connection.out_.clear();
  connection.sent_ = 0;
  watch(connection, false);
  if (connection.closing_) connection.failed_ = true;
}

void Server::watch(Connection& connection, bool writing) {
  if (connection.watchesWriting_ == writing) return;
  connection.watchesWriting_ = writing;
  epoll_event event{};
  event.events = EPOLLIN | (writing ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.fd = connection.fd_;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd_, &event);
}

}  // namespace http
