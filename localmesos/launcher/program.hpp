// Code shared by the programs: errors and log lines, access to the values of Mesos' flags, and Program, the part of
// main() that master and agent have in common.
#pragma once

#include "abi.hpp"

enum Severity { INFO, WARNING, ERROR };
#define LOG(severity) google::LogMessage(__FILE__, __LINE__, severity).stream()

constexpr char VERSION[] = "1.11.0";
constexpr Duration FOREVER{-1000000000};
constexpr int LAST_CAPABILITY_OF_MESOS = 37;  // AUDIT_READ

// Logs the message and ends the program with status 1, as stout's EXIT does.
[[noreturn]] void fail(const std::string& message);

template <typename T>
T require(Try<T> result, const std::string& what) {
  if (result.isError()) fail(what + ": " + result.error());
  return result.get();
}

// Where a virtual base of a library object begins is written in its vtable, `entry` words before the functions.
template <typename Base>
Base* virtualBase(void* object, int entry) {
  const long offset = (*static_cast<long**>(object))[entry];
  return reinterpret_cast<Base*>(static_cast<char*>(object) + offset);
}

// Every process of Mesos has ProcessBase as its only virtual base.
inline process::ProcessBase* processBase(void* process) { return virtualBase<process::ProcessBase>(process, -3); }

// The member behind a flag. Flag::stringify is a lambda that captured the member's offset in the flags class, so
// that no layout of such a class has to be known.
template <typename T>
T& flagValue(void* flagsObject, flags::FlagsBase& base, const std::string& name) {
  auto found = base.flags_.find(name);
  if (found == base.flags_.end()) fail("libmesos has no flag named " + name);
  const long offset = *reinterpret_cast<const long*>(&found->second.stringify);
  return *reinterpret_cast<T*>(static_cast<char*>(flagsObject) + offset);
}

class Program {
public:
  // `flagsObject` is a master::Flags or slave::Flags, `role` is "master" or "agent".
  Program(void* flagsObject, const std::string& role);

  // Loads flags from MESOS_* and the command line (answering --help and --version) and starts the log.
  void load(int argc, char** argv);
  // Hands --ip, --port and --advertise_* to libprocess, which takes them from the environment only.
  void exportAddress();
  // Starts libprocess with `delegate` as the process that answers requests without an id; loads modules and hooks.
  void start(const std::string& delegate);
  Option<mesos::Authorizer*> createAuthorizer(const std::string& name);

  template <typename T>
  T& get(const std::string& name) { return flagValue<T>(flagsObject_, base_, name); }
  Option<std::string>& text(const std::string& name) { return get<Option<std::string>>(name); }

  // The value of an Option<T> flag whose T is 8-aligned and need not be complete; nullptr if it is not set.
  template <typename T>
  const T* optional(const std::string& name) {
    const char* option = &get<char>(name);
    return *reinterpret_cast<const int*>(option) == 0 ? reinterpret_cast<const T*>(option + 8) : nullptr;
  }

private:
  void startLog(const char* argv0);

  void* flagsObject_;
  std::string role_;
  flags::FlagsBase& base_;
};

int masterMain(int argc, char** argv);
int agentMain(int argc, char** argv);
int containerizerMain(int argc, char** argv);
int switchboardMain(int argc, char** argv);
