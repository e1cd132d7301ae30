// mesos-simulator: `serve` is the simulated master, `drive` loads one as fast as it can.
#include <sys/prctl.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "drive.hpp"
#include "master.hpp"

using std::string;

namespace {

class Flags {
 public:
  Flags(int argc, char** argv) {
    for (int at = 2; at + 1 < argc; at += 2) values_[argv[at]] = argv[at + 1];
  }
  double number(const char* name, double otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : atof(found->second.c_str());
  }
  string text(const char* name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? "" : found->second;
  }

 private:
  std::map<string, string> values_;
};

int serve(const Flags& flags) {
  Settings settings;
  settings.shape.agents = static_cast<uint32_t>(flags.number("--agents", 10));
  settings.shape.resources.cpus = static_cast<int64_t>(flags.number("--cpus", 4) * 1000);
  settings.shape.resources.mem = static_cast<int64_t>(flags.number("--mem", 16384) * 1000);
  settings.shape.resources.disk = static_cast<int64_t>(flags.number("--disk", 102400) * 1000);
  settings.shape.resources.ports = {{31000, 32000}};
  settings.allocationInterval = flags.number("--allocation-interval", settings.allocationInterval);
  settings.heartbeatInterval = flags.number("--heartbeat-interval", settings.heartbeatInterval);
  settings.startDelay = flags.number("--start-delay", settings.startDelay);
  settings.repeatAfter = flags.number("--repeat-after", settings.repeatAfter);
  http::Server server(static_cast<int>(flags.number("--port", 0)));
  Master master(server, settings);
  printf("%d\n", server.port());  // who started this waits for it
  fflush(stdout);
  server.run([&](http::Connection& connection, const http::Request& request) { master.handle(connection, request); },
             [&](http::Connection& connection) { master.closed(connection); }, [&] { return master.tick(); });
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // it does not outlive who started it
  const string command = argc > 1 ? argv[1] : "";
  const Flags flags(argc, argv);
  if (command == "serve") return serve(flags);
  if (command == "drive")
    return drive(static_cast<int>(flags.number("--port", 0)), flags.text("--operation"),
                 static_cast<uint64_t>(flags.number("--pods", 1000)),
                 static_cast<uint64_t>(flags.number("--pods-per-offer", 10)));
  fprintf(stderr, "usage: %s serve|drive --FLAG VALUE …\n", argv[0]);
  return 2;
}
