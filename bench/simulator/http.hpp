// An HTTP/1.1 server on loopback: one thread, keep-alive, pipelined requests, and endless answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace http {

struct Request {
  std::string_view method, path, body, streamId;  // valid while the handler runs
};

// One client. Written data is sent at the end of the server's turn, as far as the client accepts it.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  void answer(int status, std::string_view body = {}, std::string_view type = "text/plain; charset=utf-8");
  void beginStream(const std::string& streamId);  // the answer that does not end
  void record(std::string_view text);             // one RecordIO record of it, as a chunk of its own
  void endStream();
  bool isOpen() const { return !failed_; }

 private:
  friend class Server;
  int fd_;
  std::string in_, out_;
  size_t sent_ = 0;
  bool failed_ = false, closing_ = false, dirty_ = false, watchesWriting_ = false;
};

class Server {
 public:
  using Handler = std::function<void(Connection&, const Request&)>;
  using Closed = std::function<void(Connection&)>;

  explicit Server(int port);  // 0: any free one
  int port() const { return port_; }
  void touch(Connection& connection);  // there is something new to send on it

  // Serve until `timer` says stop. It is called after every turn, and returns the seconds until its next call.
  void run(const Handler& handler, const Closed& closed, const std::function<double()>& timer);

  uint64_t bytesIn = 0, bytesOut = 0;

 private:
  void acceptAll();
  void readFrom(Connection& connection, const Handler& handler);
  bool handleOne(Connection& connection, size_t& at, const Handler& handler);
  void flush(Connection& connection);
  void watch(Connection& connection, bool writing);

  int listening_, epoll_, port_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::vector<int> dirty_;
  std::string scratch_;
};

[[noreturn]] void fail(const std::string& what);  // with errno's meaning

}  // namespace http
