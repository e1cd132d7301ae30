// Errors, and the part of main() that upstream's master/main.cpp and slave/main.cpp have in common.
#include "program.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using std::string;
using namespace mesos;
using namespace mesos::internal;

namespace {

// In the library both are templates over hashmap, which is too much to declare just to pass one on.
void createAuthorizationCallbacks(void* result, Authorizer*) asm(
    "_ZN5mesos13authorization28createAuthorizationCallbacksB5cxx11EPNS_10AuthorizerE");
void setAuthorizationCallbacks(void* callbacks) asm(
    "_ZN7process4http13authorization12setCallbacksERK7hashmapINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
    "St8functionIFNS_6FutureIbEENS0_7RequestE6OptionINS0_14authentication9PrincipalEEEESt4hashIS8_ESt8equal_toIS8_"
    "EE");

// The address that an --ip_discovery_command prints.
string discoverAddress(const string& command) {
  char line[256] = "";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr || fgets(line, sizeof line, pipe) == nullptr || pclose(pipe) != 0)
    fail("Failed to run the --ip_discovery_command '" + command + "'");
  return string(line, strcspn(line, " \t\r\n"));
}

}  // namespace

void fail(const string& message) {
  {
    google::LogMessage log(__FILE__, __LINE__, ERROR);
    log.stream() << "EXIT with status 1: " << message;
    log.Flush();
  }
  exit(EXIT_FAILURE);
}

// FlagsBase is the second virtual base of master::Flags and slave::Flags; logging::Flags is the first.
Program::Program(void* flagsObject, const string& role)
    : flagsObject_(flagsObject), role_(role), base_(*virtualBase<flags::FlagsBase>(flagsObject, -4)) {}

void Program::load(int argc, char** argv) {
  Try<flags::Warnings> loaded = base_.load(Option<string>(string("MESOS_")), argc, argv, false, false);
  if (base_.help) {
    std::cout << base_.usage(Option<string>()) << std::endl;
    exit(EXIT_SUCCESS);
  }
  if (get<bool>("version")) {
    std::cout << "mesos " << VERSION << std::endl;
    exit(EXIT_SUCCESS);
  }
  if (loaded.isError()) {
    std::cerr << loaded.error() << "\n\nSee `mesos-" << role_ << " --help` for a list of supported flags."
              << std::endl;
    exit(EXIT_FAILURE);
  }
  startLog(argv[0]);
  for (const flags::Warning& warning : loaded.get().warnings) LOG(WARNING) << warning.message;
}

void Program::startLog(const char* argv0) {
  // An Option<logging::Flags> that is SOME (state 0), made by hand: the class has virtual bases and no declared copy.
  alignas(16) static char option[2048];
  auto* copy = new (option + 8) logging::Flags();
  auto& copyBase = *virtualBase<flags::FlagsBase>(copy, -3);
  void* original = virtualBase<void>(flagsObject_, -3);
  auto assign = [&](const char* name, auto type) {
    using T = decltype(type);
    flagValue<T>(copy, copyBase, name) = flagValue<T>(original, base_, name);
  };
  assign("quiet", bool());
  assign("logging_level", string());
  assign("log_dir", Option<string>());
  assign("logbufsecs", int());
  assign("external_log_file", Option<string>());
  logging::initialize(argv0, true, *reinterpret_cast<Option<logging::Flags>*>(option));
}

void Program::exportAddress() {
  auto exportText = [](const char* variable, const string& value) { setenv(variable, value.c_str(), 1); };
  const Option<string>&ip = text("ip"), &discovery = text("ip_discovery_command");
  if (ip.isSome() && discovery.isSome())
    fail("Only one of `--ip` or `--ip_discovery_command` should be specified");
  if (discovery.isSome()) exportText("LIBPROCESS_IP", discoverAddress(discovery.get()));
  if (ip.isSome()) exportText("LIBPROCESS_IP", ip.get());
  exportText("LIBPROCESS_PORT", std::to_string(get<uint16_t>("port")));
  if (text("advertise_ip").isSome()) exportText("LIBPROCESS_ADVERTISE_IP", text("advertise_ip").get());
  if (text("advertise_port").isSome()) exportText("LIBPROCESS_ADVERTISE_PORT", text("advertise_port").get());
  exportText("LIBPROCESS_MEMORY_PROFILING", get<bool>("memory_profiling") ? "true" : "false");
}

void Program::start(const string& delegate) {
  LOG(INFO) << "Version: " << VERSION;
  const string realm = "mesos-" + role_;
  if (!process::initialize(Option<string>(delegate), Option<string>(realm + "-readwrite"),
                           Option<string>(realm + "-readonly")))
    fail("The call to `process::initialize()` was not the first invocation");
  process::spawn(processBase(new VersionProcess()), true);

  if (optional<void>("firewall_rules") != nullptr) fail("--firewall_rules is not supported by this build");
  const Modules* modules = optional<Modules>("modules");
  const Option<string>& modulesDir = text("modules_dir");
  if (modules != nullptr && modulesDir.isSome())
    fail("Only one of --modules or --modules_dir should be specified");
  if (modulesDir.isSome()) require(modules::ModuleManager::load(modulesDir.get()), "Error loading modules");
  if (modules != nullptr) require(modules::ModuleManager::loadManifest(*modules), "Error loading modules");
  if (text("hooks").isSome()) require(HookManager::initialize(text("hooks").get()), "Error installing hooks");
}

Option<Authorizer*> Program::createAuthorizer(const string& name) {
  const ACLs* acls = optional<ACLs>("acls");
  if (name == "local" && acls == nullptr) return Option<Authorizer*>();
  LOG(INFO) << "Creating '" << name << "' authorizer";
  Authorizer* authorizer = require(name == "local" ? Authorizer::create(*acls) : Authorizer::create(name),
                                   "Could not create '" + name + "' authorizer");
  alignas(16) static char callbacks[256];
  createAuthorizationCallbacks(callbacks, authorizer);
  setAuthorizationCallbacks(callbacks);
  return authorizer;
}
