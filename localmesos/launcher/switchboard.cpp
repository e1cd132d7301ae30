// mesos-io-switchboard: upstream's .../mesos/io/switchboard_main.cpp, which carries a container's stdin, stdout and
// stderr for attached clients.
#include "program.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

using std::string;
using namespace mesos::internal;
using mesos::internal::slave::IOSwitchboardServer;

namespace {

int unblockPipe[2];

// SIGTERM means: stop waiting for a client. A signal handler may only write; a thread makes the call.
void unblockOnSigterm(IOSwitchboardServer* server) {
  if (pipe2(unblockPipe, O_CLOEXEC) != 0) fail("Failed to create pipe for signaling unblock");
  signal(SIGTERM, [](int) {
    if (write(unblockPipe[1], "", 1) < 0) abort();
  });
  std::thread([server] {
    char byte;
    while (read(unblockPipe[0], &byte, 1) < 0 && errno == EINTR) {
    }
    server->unblock();
  }).detach();
}

}  // namespace

int switchboardMain(int argc, char** argv) {
  static IOSwitchboardServer::Flags flags;
  flags::FlagsBase& base = *virtualBase<flags::FlagsBase>(&flags, -3);
  Try<flags::Warnings> loaded = base.load(Option<string>(), argc, argv, false, false);
  if (loaded.isError()) {
    std::cerr << base.usage(Option<string>(loaded.error())) << std::endl;
    return EXIT_FAILURE;
  }
  auto descriptor = [&](const char* name) {
    const Option<int>& value = flagValue<Option<int>>(&flags, base, name);
    if (value.isNone()) fail(base.usage(Option<string>(string("'--") + name + "' is missing")));
    return value.get();
  };
  const Option<string>& socket = flagValue<Option<string>>(&flags, base, "socket_address");
  if (socket.isNone()) fail(base.usage(Option<string>(string("'--socket_address' is missing"))));

  alignas(16) char noLoggingFlags[2048] = {1};  // an Option<logging::Flags> that is NONE (state 1)
  logging::initialize(argv[0], false, *reinterpret_cast<Option<logging::Flags>*>(noLoggingFlags));
  auto server = require(
      IOSwitchboardServer::create(flagValue<bool>(&flags, base, "tty"), descriptor("stdin_to_fd"),
                                  descriptor("stdout_from_fd"), descriptor("stdout_to_fd"),
                                  descriptor("stderr_from_fd"), descriptor("stderr_to_fd"), socket.get(),
                                  flagValue<bool>(&flags, base, "wait_for_connection"),
                                  flagValue<Option<Duration>>(&flags, base, "heartbeat_interval")),
      "Failed to create the io switchboard server");
  unblockOnSigterm(server.get());

  using Run = process::Future<Nothing>;
  Run run = server.get()->run();
  run.await(FOREVER);
  if (run.data->state != Run::READY)
    fail("The io switchboard server failed: " +
         (run.data->state == Run::FAILED ? run.data->result.error() : string("discarded")));
  fflush(nullptr);
  _exit(EXIT_SUCCESS);  // without the destructors of a library whose threads still run
}
