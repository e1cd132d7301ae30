# The machines that cluster.yml describes: who they are, and what the provisioning of each needs to know.
#
# Knows nothing of Vagrant. `ruby cluster.rb [FILE [PROVIDER]]` prints the machines as JSON, for tools that provision machines of
# another kind.

require "ipaddr"
require "json"
require "yaml"

module Cluster
  # A value in cluster.yml is wrong; the message says where, and what to do.
  class Invalid < StandardError; end

  # `steps` are scripts in provision/, in their order; `environment` are their variables.
  Machine = Struct.new(:name, :address, :cpus, :memory, :steps, :environment, keyword_init: true)

  FILE = File.join(__dir__, "cluster.yml")
  # Memory in MB that an agent does not offer: what Debian and the agent itself use.
  AGENT_OVERHEAD = 512
  TASK_PORTS = "[31000-32000]"
  MASTER_PORT, ZOOKEEPER_PORT, API_PORT, SHARE_PORT = 5050, 2181, 8080, 8081
  # The only addresses that VirtualBox allows for host-only networks without configuration.
  VIRTUALBOX = IPAddr.new("192.168.56.0/21")
  PRIVATE = %w[10.0.0.0/8 172.16.0.0/12 192.168.0.0/16].map { |range| IPAddr.new(range) }

  # The checked content of a cluster.yml. Raises Invalid.
  class Description
    attr_reader :box, :driver, :machines

    def self.read(path, provider: nil)
      new(path, YAML.safe_load(File.read(path)), provider)
    rescue Errno::ENOENT, Errno::EACCES, Errno::EISDIR => error
      raise Invalid, "cannot read #{path}: #{error.message}. Name a readable file in PODEXEC_CLUSTER, or leave that out."
    rescue Psych::Exception => error
      raise Invalid, "#{path} is not YAML: #{error.message}"
    end

    def initialize(path, content, provider = nil)
      @path, @provider = path, provider
      top = keys("", content, %w[box masters agents zookeeper libvirt])
      @box = word("box", top["box"])
      @driver = one_of("libvirt.driver", keys("libvirt.", top["libvirt"], %w[driver])["driver"], %w[kvm qemu])
      sizes = %w[count cpus memory first_address]
      masters = keys("masters.", top["masters"], sizes)
      agents = keys("agents.", top["agents"], sizes)
      count = one_of("masters.count", masters["count"], [1, 3, 5])
      @zookeeper = one_of("zookeeper", top["zookeeper"], [true, false]) || count > 1
      @masters = addresses("masters", masters, count)
      @agents = addresses("agents", agents, integer("agents.count", agents["count"], 1..50))
      both = @masters & @agents
      refuse("agents.first_address", "other addresses than the masters': #{both.first} is one", agents["first_address"]) if both.any?
      @machines = layout(masters, agents)
    end

    # Whether the machines' processors are emulated, which is very slow.
    def emulated?
      @driver == "qemu"
    end

    # What to read at the end of `vagrant up`.
    def message
      <<~TEXT
        podexec and Mesos are up.
          scheduler's API   #{apis.join(" ")}   (pages: /docs)
          Mesos' masters    #{@masters.map { |address| "http://#{address}:#{MASTER_PORT}" }.join(" ")}
          Mesos' agents     #{@agents.map { |address| "http://#{address}:5051" }.join(" ")}
          frameworks use    --master #{mesos}
          the example pod   #{@agents.map { |address| "http://#{address}:31000/" }.join(" ")}
        On master-1 `podexec` talks to the scheduler, e.g.: vagrant ssh master-1 -c 'podexec pod list'
        From here:  export PODEXEC_URL=#{apis.join(",")}
      TEXT
    end

    private

    # The addresses of the schedulers: with ZooKeeper each master's machine has one.
    def apis
      (@zookeeper ? @masters : @masters.first(1)).map { |address| "http://#{address}:#{API_PORT}" }
    end

    def layout(masters, agents)
      named = { "master" => @masters, "agent" => @agents }.flat_map do |kind, addresses|
        addresses.each_with_index.map { |address, index| ["#{kind}-#{index + 1}", address] }
      end
      common = {
        "HOSTS" => named.map { |name, address| "#{address} #{name}\n" }.join,
        "MASTERS" => @masters.join(" "),
        "AGENTS" => @agents.length.to_s,
        "MESOS" => mesos,
        "APIS" => apis.join(","),
        "STORE" => @zookeeper ? "zk://#{ensemble}/podexec" : "sqlite:////var/lib/podexec/state.db",
        "SHARE" => "http://#{@masters.first}:#{SHARE_PORT}",
      }
      named.map do |name, address|
        kind, number = name.split("-")
        size = kind == "master" ? masters : agents
        own = { "NAME" => name, "ADDRESS" => address, "NUMBER" => number }
        own["RESOURCES"] = resources(size) if kind == "agent"
        Machine.new(
          name: name, address: address, steps: steps(kind, number),
          cpus: integer("#{kind}s.cpus", size["cpus"], 1..64),
          memory: integer("#{kind}s.memory", size["memory"], 1024..262_144),
          environment: common.merge(own),
        )
      end
    end

    def steps(kind, number)
      return %w[machine cgroups agent] if kind == "agent"

      first = number == "1" ? %w[podexec] : []
      ["machine", *first, *(@zookeeper ? %w[zookeeper] : []), "master", "scheduler"]
    end

    def resources(size)
      memory = integer("agents.memory", size["memory"], 1024..262_144)
      "cpus:#{size["cpus"]};mem:#{memory - AGENT_OVERHEAD};ports:#{TASK_PORTS}"
    end

    # The value of --master, of agents and frameworks.
    def mesos
      return "#{@masters.first}:#{MASTER_PORT}" unless @zookeeper

      "zk://#{ensemble}/mesos"
    end

    def ensemble
      @masters.map { |address| "#{address}:#{ZOOKEEPER_PORT}" }.join(",")
    end

    def addresses(kind, size, count)
      where = "#{kind}.first_address"
      first = address(where, size["first_address"])
      last = IPAddr.new(first.to_i + count - 1, Socket::AF_INET)
      same = first.mask(24) == last.mask(24) && (2..254).cover?(first.to_i % 256) && last.to_i % 256 <= 254
      refuse(where, "an address after which #{count} fit between .2 and .254", size["first_address"]) unless same
      if @provider == "virtualbox" && !(VIRTUALBOX.include?(first) && VIRTUALBOX.include?(last))
        refuse(where, "an address in 192.168.56.0/21, the only ones that VirtualBox allows without configuration", first)
      end
      (first.to_i..last.to_i).map { |number| IPAddr.new(number, Socket::AF_INET).to_s }
    end

    def address(where, value)
      found = IPAddr.new(value.to_s)
      return found if found.ipv4? && found.prefix == 32 && PRIVATE.any? { |range| range.include?(found) }

      refuse(where, "a private IPv4 address, such as 192.168.56.11", value)
    rescue IPAddr::Error
      refuse(where, "a private IPv4 address, such as 192.168.56.11", value)
    end

    def keys(where, value, known)
      refuse(where.chomp("."), "a mapping with the keys #{known.join(", ")}", value) unless value.is_a?(Hash)
      unknown = value.keys - known
      raise Invalid, "#{@path}: #{where}#{unknown.first} is not a known key; known here: #{known.join(", ")}." if unknown.any?

      missing = known - value.keys
      raise Invalid, "#{@path}: #{where}#{missing.first} is missing; see #{FILE} as it was delivered." if missing.any?

      value
    end

    def integer(where, value, range)
      return value if value.is_a?(Integer) && range.cover?(value)

      refuse(where, "an integer from #{range.first} to #{range.last}", value)
    end

    def one_of(where, value, allowed)
      allowed.include?(value) ? value : refuse(where, "one of #{allowed.join(", ")}", value)
    end

    def word(where, value)
      value.is_a?(String) && value.match?(%r{\A[\w./-]+\z}) ? value : refuse(where, "the name of a box", value)
    end

    def refuse(where, expected, value)
      place = where.empty? ? @path : "#{@path}: #{where}"
      raise Invalid, "#{place} must be #{expected}, not #{value.is_a?(IPAddr) ? value : value.inspect}."
    end
  end
end

if $PROGRAM_NAME == __FILE__
  begin
    described = Cluster::Description.read(ARGV.fetch(0, Cluster::FILE), provider: ARGV[1])
    puts JSON.pretty_generate(machines: described.machines.map(&:to_h), message: described.message)
  rescue Cluster::Invalid => error
    abort error.message
  end
end
