# frozen_string_literal: true

# Prints what a gem needs while it runs, what that needs included: dependencies.rb GEMSPEC.

def needed(spec, found = {})
  spec.runtime_dependencies.each do |dependency|
    next if found.key?(dependency.name)

    # A gem that is not installed counts alone.
    found[dependency.name] = dependency.matching_specs.max_by(&:version)
    needed(found[dependency.name], found) if found[dependency.name]
  end
  found.keys
end

puts needed(Gem::Specification.load(ARGV.fetch(0)))
