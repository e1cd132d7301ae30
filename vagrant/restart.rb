require "timeout"

# A provisioner that restarts a machine if a script before it has asked for that. Vagrant's own `reboot: true` restarts it
# at every `vagrant provision`, and gives a slow machine too little time.
class RestartIfAsked < Vagrant.plugin("2", :provisioner)
  ASKED = "test -e /run/podexec-restart" # /run is empty after a restart
  # Seconds for one command. The connection to a machine that restarts may stay open, with nobody at its other end.
  ANSWER = 60

  def provision
    return unless machine.communicate.test(ASKED)

    machine.ui.info("restarting, for the kernel's new command line")
    before = boot_id
    attempt { machine.communicate.sudo("systemctl reboot", error_check: false) }
    deadline = now + machine.config.vm.boot_timeout
    while [nil, before].include?(boot_id)
      raise Vagrant::Errors::VMBootTimeout if now > deadline

      sleep 1
    end
  end

  private

  # Unique to each start of a machine; nil while it cannot be asked.
  def boot_id
    found = nil
    attempt do
      machine.communicate.execute("cat /proc/sys/kernel/random/boot_id") { |_stream, data| found = data.strip }
      found
    end
  end

  def attempt(&block)
    Timeout.timeout(ANSWER, &block)
  rescue Vagrant::Errors::VagrantError, Net::SSH::Exception, Timeout::Error, IOError, SystemCallError
    nil
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

class RestartPlugin < Vagrant.plugin("2")
  name "podexec restart"
  provisioner(:podexec_restart) { RestartIfAsked }
end
