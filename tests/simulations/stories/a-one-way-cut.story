# c hears a and a does not hear c: b speaks for both, so nobody is declared dead.
nodes a b c ram 8GiB
also on shell processes
cut c > a
advance 10s
a sees c
  -> alive
c sees a
  -> alive
b sees a
  -> alive
mend
advance 2s
a reserves 5GiB at c as x
  => granted
  -> a peer has a copy
until b shows x posted
  -> at once
everyone verifies
  => every log verifies
