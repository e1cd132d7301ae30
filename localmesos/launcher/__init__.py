"""The C++ program around libmesos that is Mesos' master, agent, containerizer and io-switchboard, and its build."""
