# Deadlines a second of the Ruby gem biz, for business_time.py: the same calendar and duration.
# Reads instants (seconds since 1970) from standard input, one a line; prints the rate.
require 'biz'

schedule = Biz::Schedule.new do |config|
  config.hours = %i[mon tue wed thu fri].to_h { |day| [day, { '09:00' => '17:00' }] }
  config.holidays = ARGV.map { |day| Date.iso8601(day) }
  config.time_zone = 'Europe/Berlin'
end

instants = $stdin.each_line.map { |line| Time.at(Integer(line)).utc }
started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
instants.each { |instant| schedule.time(4, :hours).after(instant) }
puts instants.size / (Process.clock_gettime(Process::CLOCK_MONOTONIC) - started)
