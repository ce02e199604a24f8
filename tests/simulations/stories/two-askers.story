# Two ask at one instant for room that only one of them can have.
nodes a b c ram 8GiB
also on shell processes
a and b race for 5GiB at c as x
  => 1 of the two has it
  -> a: every candidate refused (c: not enough ram)
  -> b: granted
c shows the holds
  => x: 5GiB at c, posted
a asks where 4GiB fits at c
  => nowhere
  -> not c: not enough room
everyone verifies
  => every log verifies
