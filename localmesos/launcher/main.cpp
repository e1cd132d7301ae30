// One program with four names: the name under which it is started selects what it does. abi.hpp declares Mesos.
#include "program.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/mman.h>
#include <unistd.h>

using std::string;

namespace {

// The build patched the library to read this descriptor instead of /proc/sys/kernel/cap_last_cap (PATCHED_PATH in
// build.py): the isolator linux/capabilities refuses a kernel that knows more capabilities than the 38 of Mesos 1.11.0.
constexpr int LAST_CAPABILITY_FD = 900;

void provideLastCapability() {
  int last = LAST_CAPABILITY_OF_MESOS;
  std::ifstream("/proc/sys/kernel/cap_last_cap") >> last;
  const string text = std::to_string(last > 0 ? std::min(last, LAST_CAPABILITY_OF_MESOS) : LAST_CAPABILITY_OF_MESOS);
  const int file = memfd_create("cap_last_cap", MFD_CLOEXEC);
  if (file < 0 || write(file, text.data(), text.size()) < 0 || dup3(file, LAST_CAPABILITY_FD, O_CLOEXEC) < 0)
    std::cerr << "cannot provide the last capability (" << strerror(errno) << "): linux/capabilities will not work"
              << std::endl;
  if (file >= 0) close(file);
}

}  // namespace

int main(int argc, char** argv) {
  static const std::map<string, int (*)(int, char**)> PROGRAMS = {{"mesos-master", masterMain},
                                                                  {"mesos-agent", agentMain},
                                                                  {"mesos-containerizer", containerizerMain},
                                                                  {"mesos-io-switchboard", switchboardMain}};
  const string path = argv[0], name = path.substr(path.rfind('/') + 1);
  const auto program = PROGRAMS.find(name);
  if (program == PROGRAMS.end()) {
    std::cerr << name << ": start it as one of";
    for (const auto& known : PROGRAMS) std::cerr << ' ' << known.first;
    std::cerr << std::endl;
    return EXIT_FAILURE;
  }
  provideLastCapability();
  return program->second(argc, argv);
}
