# Whether this host can run the machines, and with which provider.
require "etc"

module Host
  # It cannot; the message says why, and what to do.
  class Unsupported < StandardError; end

  PROVIDERS = %w[libvirt virtualbox].freeze
  ADVICE = "Install VirtualBox (https://www.virtualbox.org), or on Linux libvirt and Vagrant's plugin for it (on Debian: " \
           "apt-get install vagrant-libvirt libvirt-daemon-system qemu-system-x86)."

  module_function

  # The provider that Vagrant is going to use: the one that was asked for, else the first that is installed. Raises
  # Unsupported.
  def provider
    require_x86_64
    asked = given
    usable = PROVIDERS.select { |name| installed?(name) }
    if asked && !PROVIDERS.include?(asked)
      raise Unsupported, "the provider #{asked} is not supported; use one of #{PROVIDERS.join(", ")}. #{ADVICE}"
    end
    raise Unsupported, "the provider #{asked} is not installed. #{ADVICE}" if asked && !usable.include?(asked)
    raise Unsupported, "no provider of virtual machines is installed. #{ADVICE}" if usable.empty?

    asked || usable.first
  end

  def require_x86_64
    cpu = Etc.uname[:machine]
    cpu = ENV.fetch("PROCESSOR_ARCHITEW6432", ENV.fetch("PROCESSOR_ARCHITECTURE", cpu)) if Gem.win_platform?
    return if %w[x86_64 amd64].include?(cpu.downcase)

    raise Unsupported, "this host has a #{cpu} processor, and Mesos' programs are for x86_64 only. " \
                       "Run the machines on an x86_64 host, or use podexec with an existing cluster (podexec scheduler --master)."
  end

  # From the command line or the environment, as Vagrant reads them.
  def given
    words = ARGV.take_while { |word| word != "--" }
    at = words.index("--provider")
    inline = words.filter_map { |word| word[/\A--provider=(.+)/, 1] }.last
    (at && words[at + 1]) || inline || ENV["VAGRANT_DEFAULT_PROVIDER"] || ENV["VAGRANT_PREFERRED_PROVIDERS"]&.split(",")&.first
  end

  def installed?(name)
    case name
    when "libvirt" then Vagrant.has_plugin?("vagrant-libvirt")
    when "virtualbox" then Vagrant::Util::Which.which("VBoxManage") || ENV["VBOX_INSTALL_PATH"] || ENV["VBOX_MSI_INSTALL_PATH"]
    end
  end
end
