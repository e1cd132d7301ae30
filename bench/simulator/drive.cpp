#include "drive.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "http.hpp"
#include "json.hpp"
#include "measures.hpp"

using std::string;
using std::string_view;

namespace {

constexpr size_t kBuffer = 1 << 20;

// A template that is split beforehand, so that filling it only joins pieces.
class Template {
 public:
  explicit Template(const string& text) {
    size_t start = 0;
    for (size_t at = text.find('@'); at != string::npos; at = text.find('@', start)) {
      const size_t end = text.find('@', at + 1);
      pieces_.push_back({text.substr(start, at - start), text.substr(at + 1, end - at - 1)});
      start = end + 1;
    }
    pieces_.push_back({text.substr(start), ""});
  }

  void fill(string& out, const string& agent, const string& framework, uint64_t number) const {
    char digits[16];
    snprintf(digits, sizeof digits, "%012llu", static_cast<unsigned long long>(number));
    for (const auto& [text, hole] : pieces_) {
      out += text;
      if (hole == "AGENT") out += agent;
      else if (hole == "FRAMEWORK") out += framework;
      else if (hole == "NUMBER") out += digits;
    }
  }

 private:
  std::vector<std::pair<string, string>> pieces_;
};

class Socket {
 public:
  explicit Socket(int port) : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) http::fail("cannot connect");
    in.reserve(kBuffer);
  }
  ~Socket() { close(fd); }

  void receive() {
    static char buffer[kBuffer];
    const ssize_t count = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) http::fail("the master closed the connection");
    in.append(buffer, static_cast<size_t>(count));
  }
  void transmit() {
    if (sent == out.size()) return;
    const ssize_t count = send(fd, out.data() + sent, out.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) http::fail("cannot send");
    if (count > 0) sent += static_cast<size_t>(count);
    if (sent != out.size()) return;
    out.clear();
    sent = 0;
  }

  const int fd;
  string in, out;
  size_t sent = 0;
};

class Load {
 public:
  Load(int port, const string& operation, uint64_t pods, uint64_t podsPerOffer)
      : operation_(operation), pods_(pods), podsPerOffer_(podsPerOffer), events_(port), calls_(port) {}

  void run() {
    request(events_, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"name\":\"drive\",\"user\":\"root\","
                     "\"roles\":[\"*\"],\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":\"PARTITION_AWARE\"},"
                     "{\"type\":\"RESERVATION_REFINEMENT\"}]}}}");
    while (running_ < 2 * pods_ || answered_ < asked_ || calls_.sent < calls_.out.size()) {
      pollfd both[] = {wanted(events_), wanted(calls_)};
      if (poll(both, 2, 30000) == 0) {
        fprintf(stderr, "nothing heard for 30 s, with %llu tasks running\n", static_cast<unsigned long long>(running_));
        exit(EXIT_FAILURE);
      }
      if (both[0].revents & POLLIN) events_.receive(), hear();
      if (both[1].revents & POLLIN) calls_.receive(), count();
      events_.transmit();
      calls_.transmit();
    }
    ended_ = monotonic();
  }

  string result() const {
    return Object()
        .add("pods", launched_)
        .add("calls", asked_)
        .add("seconds", ended_ - started_)
        .add("pods_per_second", double(launched_) / (ended_ - started_))
        .text();
  }

 private:
  static pollfd wanted(const Socket& socket) {
    const bool hasMore = socket.sent < socket.out.size();
    return {socket.fd, static_cast<short>(POLLIN | (hasMore ? POLLOUT : 0)), 0};
  }

  void request(Socket& socket, const string& body) const {
    socket.out += "POST /api/v1/scheduler HTTP/1.1\r\nHost: master\r\nContent-Type: application/json\r\n";
    if (!streamId_.empty()) socket.out += "Mesos-Stream-Id: " + streamId_ + "\r\n";
    socket.out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  // Every chunk of the simulated master is one record: "LENGTH\nJSON".
  void hear() {
    string& in = events_.in;
    size_t at = 0;
    if (streamId_.empty()) {
      const size_t end = in.find("\r\n\r\n");
      if (end == string::npos) return;
      const string name = "Mesos-Stream-Id: ";
      const size_t id = in.find(name) + name.size();
      streamId_ = in.substr(id, in.find("\r\n", id) - id);
      at = end + 4;
    }
    while (true) {
      const size_t line = in.find("\r\n", at);
      if (line == string::npos) break;
      const size_t size = strtoul(in.c_str() + at, nullptr, 16);
      if (in.size() < line + 2 + size + 2) break;
      string_view record = string_view(in).substr(line + 2, size);
      record.remove_prefix(record.find('\n') + 1);
      handle(document_.parse(record));
      at = line + 2 + size + 2;
    }
    in.erase(0, at);
  }

  void handle(const json::Value& event) {
    if (event["type"].is("SUBSCRIBED")) {
      framework_ = event["subscribed"]["framework_id"]["value"].text();
    } else if (event["type"].is("OFFERS")) {
      if (started_ == 0) started_ = monotonic();
      for (const json::Value& offer : event["offers"]["offers"].items()) launch(offer);
    } else if (event["type"].is("UPDATE")) {
      acknowledge(event["update"]["status"]);
    }
  }

  void launch(const json::Value& offer) {
    if (launched_ == pods_) return;
    const string agent = offer["agent_id"]["value"].text();
    body_ = head("ACCEPT") + "\"accept\":{\"offer_ids\":[{\"value\":\"" + offer["id"]["value"].text() +
            "\"}],\"filters\":{\"refuse_seconds\":120},\"operations\":[";
    for (uint64_t count = 0; count < podsPerOffer_ && launched_ < pods_; ++count) {
      if (count > 0) body_ += ',';
      operation_.fill(body_, agent, framework_, launched_++);
    }
    ask(body_ + "]}}");
  }

  void acknowledge(const json::Value& status) {
    if (!status["uuid"]) {
      fprintf(stderr, "a launch was refused: %s\n", string(status.raw()).c_str());
      exit(EXIT_FAILURE);
    }
    if (status["state"].is("TASK_RUNNING")) ++running_;
    ask(head("ACKNOWLEDGE") + "\"acknowledge\":{\"agent_id\":" + string(status["agent_id"].raw()) +
        ",\"task_id\":" + string(status["task_id"].raw()) + ",\"uuid\":\"" + status["uuid"].text() + "\"}}");
  }

  string head(const char* type) const {
    return string("{\"type\":\"") + type + "\",\"framework_id\":{\"value\":\"" + framework_ + "\"},";
  }

  void ask(const string& body) {
    request(calls_, body);
    ++asked_;
  }

  void count() {
    string& in = calls_.in;
    size_t at = 0;
    for (size_t end = in.find("\r\n\r\n"); end != string::npos; end = in.find("\r\n\r\n", at)) {
      if (in.compare(at, 12, "HTTP/1.1 202") != 0) {
        fprintf(stderr, "a call was refused: %s\n", in.c_str() + at);
        exit(EXIT_FAILURE);
      }
      ++answered_;
      at = end + 4;
    }
    in.erase(0, at);
  }

  const Template operation_;
  const uint64_t pods_, podsPerOffer_;
  Socket events_, calls_;
  json::Document document_;
  string streamId_, framework_, body_;
  uint64_t launched_ = 0, running_ = 0, asked_ = 0, answered_ = 0;
  double started_ = 0, ended_ = 0;
};

}  // namespace

int drive(int port, const string& operation, uint64_t pods, uint64_t podsPerOffer) {
  Load load(port, operation, pods, podsPerOffer);
  load.run();
  printf("%s\n", load.result().c_str());
  return EXIT_SUCCESS;
}
