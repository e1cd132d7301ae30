// mesos-containerizer: upstream's src/slave/containerizer/mesos/main.cpp, the helper the agent starts containers with.
#include "program.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

using std::string;
using namespace mesos::internal;

namespace {

// Mesos mounts /proc/sysrq-trigger read-only into every image's root, and fails if the kernel has no such file
// (CONFIG_MAGIC_SYSRQ off). Removes that mount, a flat JSON object, from the launch info. The match cannot be part of a
// JSON string, where the quotes would be escaped.
void dropMountOfMissingFile() {
  static const string match = "/proc/sysrq-trigger\",\"target\":\"";
  static const char* variable = "MESOS_CONTAINERIZER_LAUNCH_INFO";
  const char* value = getenv(variable);
  if (value == nullptr || access("/proc/sysrq-trigger", F_OK) == 0) return;
  string info = value;
  const size_t at = info.find(match);
  if (at == string::npos) return;
  size_t begin = info.rfind('{', at), end = info.find('}', at) + 1;
  if (info[end] == ',')
    ++end;
  else if (info[begin - 1] == ',')
    --begin;
  info.erase(begin, end - begin);
  setenv(variable, info.c_str(), 1);
}

// Mesos drops the capabilities it knows that a container does not request, but not newer ones. If capabilities are
// requested at all, the newer ones are dropped here from the bounding set, which the container's program cannot exceed.
// As above, the match cannot be part of a JSON string.
void dropUnknownCapabilities() {
  const char* info = getenv("MESOS_CONTAINERIZER_LAUNCH_INFO");
  if (info == nullptr) return;
  const bool restricted = strstr(info, "effective_capabilities\":{") || strstr(info, "bounding_capabilities\":{");
  for (int capability = LAST_CAPABILITY_OF_MESOS + 1; restricted; ++capability)
    if (prctl(PR_CAPBSET_DROP, capability) != 0) return;  // the kernel knows no more, or we are not root
}

// MesosContainerizerMount (not in the library): mount --operation=make-rslave --path=PATH
int mountMain(const std::vector<const char*>& arguments) {
  static const char option[] = "--path=";
  for (const char* argument : arguments) {
    if (strncmp(argument, option, strlen(option)) != 0) continue;
    const char* path = argument + strlen(option);
    if (mount(nullptr, path, nullptr, MS_SLAVE | MS_REC, nullptr) == 0) return EXIT_SUCCESS;
    std::cerr << "Failed to mark '" << path << "' as rslave: " << strerror(errno) << std::endl;
    return EXIT_FAILURE;
  }
  std::cerr << "mount: --path is missing" << std::endl;
  return EXIT_FAILURE;
}

std::unique_ptr<Subcommand> createSubcommand(const string& name) {
  if (name == "launch") {
    dropMountOfMissingFile();
    dropUnknownCapabilities();
    return std::make_unique<slave::MesosContainerizerLaunch>();
  }
  if (name == "network-cni-setup") return std::make_unique<slave::NetworkCniIsolatorSetup>();
  return nullptr;
}

}  // namespace

int containerizerMain(int argc, char** argv) {
  const string name = argc > 1 ? argv[1] : "";
  std::vector<const char*> arguments(argv + std::min(argc, 2), argv + argc);
  if (name == "mount") return mountMain(arguments);

  std::unique_ptr<Subcommand> command = createSubcommand(name);
  if (command == nullptr) {
    std::cerr << "Cannot find subcommand '" << name << "'\nUsage: " << argv[0]
              << " launch|mount|network-cni-setup [OPTIONS]" << std::endl;
    return EXIT_FAILURE;
  }
  arguments.insert(arguments.begin(), argv[0]);
  Try<flags::Warnings> loaded =
      command->getFlags()->load(Option<string>(string("MESOS_CONTAINERIZER_")), static_cast<int>(arguments.size()),
                                arguments.data(), false, false);
  if (loaded.isError()) {
    std::cerr << "Failed to parse the flags: " << loaded.error() << std::endl;
    return EXIT_FAILURE;
  }
  return command->execute();
}
