import { expected } from '../errors.js'

/**
 * Things that captions name, one group a line, the first word being its name: words for the same thing or for kinds of it.
 * Plurals in -s, -es, -ies are understood. A name of two words hides the one-word names inside it; lines that start
 * with `=` hide them without naming a thing. Our own list, over the kinds of objects that COCO marks and others that
 * captions of photos speak of.
 */
const GROUPS = `
person man men woman women boy girl child children kid lady ladies guy gentleman gentlemen people baby toddler infant
 player skier snowboarder skateboarder surfer biker cyclist rider batter pitcher catcher umpire chef police_officer
 policeman policemen officer soldier tourist pedestrian teenager adult bride groom crowd couple family firefighter
 fireman firemen worker farmer student swimmer runner climber hiker dancer musician guitarist athlete passenger driver
bicycle bike
motorcycle motorbike motor_bike scooter moped dirt_bike
car taxi cab sedan suv minivan van jeep automobile
airplane plane aeroplane jet aircraft airliner jetliner biplane
bus double_decker
train locomotive subway tram trolley
truck pickup lorry fire_truck firetruck tow_truck semi
boat ship canoe kayak sailboat raft ferry yacht speedboat gondola
traffic_light stoplight stop_light street_light traffic_signal
fire_hydrant hydrant
stop_sign
parking_meter
bench
bird duck goose geese seagull pigeon parrot swan owl eagle penguin flamingo peacock rooster chicken hen pelican crow
cat kitten kitty
dog puppy puppies terrier poodle collie dalmatian labrador greyhound bulldog retriever
horse pony ponies foal mare stallion
sheep lamb ram ewe
cow cattle bull calf calves ox oxen
elephant
bear polar_bear panda cub
zebra
giraffe
monkey ape gorilla
goat
deer elk moose
rabbit bunny bunnies hare
fish
backpack rucksack
umbrella parasol
handbag purse
necktie tie bow_tie bowtie
suitcase luggage briefcase
frisbee
ski
snowboard
ball baseball football basketball soccer_ball tennis_ball
kite
bat baseball_bat
glove mitt baseball_glove
skateboard
surfboard surf_board
racket racquet tennis_racket tennis_racquet
bottle
glass wine_glass goblet
cup mug teacup
fork
knife knives
spoon
bowl
plate platter
banana
apple
sandwich burger hamburger cheeseburger sub
oranges orange_slice
broccoli
carrot
hot_dog hotdog
pizza
donut doughnut
cake cupcake
bread toast bun bagel
salad
soup
meat steak bacon ham sausage
egg omelette omelet
cheese
vegetable
fruit
strawberry
tomato
potato french_fries fries
chair stool armchair recliner
couch sofa loveseat
plant potted_plant houseplant
flower rose tulip daisy bouquet
vase
bed bunk_bed mattress
table desk dining_table coffee_table
toilet urinal
television tv t.v. television_set
laptop
computer monitor
mouse mice computer_mouse computer_mice
remote remote_control
keyboard
phone cellphone cell_phone smartphone telephone
microwave
oven stove
toaster
sink
refrigerator fridge
book magazine
clock
scissors
teddy_bear stuffed_animal teddy stuffed_bear
hair_dryer hairdryer
toothbrush
towel
mirror
window
curtain
lamp chandelier
pillow cushion
blanket
rug carpet
bathtub tub
shower
cabinet cupboard
shelf shelves bookshelf bookcase
candle
basket
box boxes crate
camera
guitar
hat cap helmet
shirt t-shirt tshirt
jacket coat
dress gown
tree palm_tree pine_tree
grass lawn
mountain hill cliff
beach shore seashore
ocean sea
snow
river stream creek
lake pond
road street highway
bridge
fence
building skyscraper
house cottage cabin
church cathedral
tower
statue sculpture
flag
tent
pool swimming_pool
fountain
wheelchair
tractor
wagon cart carriage
=train_station =bus_stop =bus_station =car_park =tennis_court =baseball_field =baseball_game =football_field =soccer_field
=basketball_court =skate_park =ski_lift =ski_slope =ski_resort =ski_pole =toilet_paper =street_sign =street_corner
=computer_desk =tree_branch =bird_house =bird_cage =dog_house =dog_bed =cat_bed =cow_boy =fish_tank =book_case =hot_tub
=bath_towel =paper_towel =towel_rack =wine_bottle =flower_pot =flower_bed =bus_driver =truck_driver =train_track
=plate_glass =window_sill =shower_curtain =soccer_player =tennis_player =baseball_player =basketball_player
=football_player =bed_room =orange_juice =tennis_match =tennis_game =soccer_game =football_game
=basketball_game =box_office =pool_table =tie_dye =cup_holder =clock_tower =house_boat =horse_carriage =couple_of
=family_room =glasses =glass_window =glass_door =cook_book
`

/** The group that a name of one or two words (joined by a space) belongs to; null for what hides others. */
export type ObjectGroups = ReadonlyMap<string, string | null>

/**
 * Reads groups in the form above, in small letters as captions are compared. What `#` begins is a remark; a line that
 * holds nothing else does not part the group around it.
 * @param where their file, for messages
 * @throws ShowtellError INVALID_DATA naming a name of more than two words, or one that stands in two groups.
 */
export function parseGroups(text: string, where = 'groups'): ObjectGroups {
  const lines = text
    .toLowerCase()
    .replaceAll(/^[^\S\n]*#[^\n]*\n/gm, '')
    .replaceAll(/#.*/g, '')
    .trim()
    .replaceAll('\n ', ' ')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const long = lines.flat().find((name) => name.split('_').length > 2)
  if (long !== undefined) throw expected('names of one or two words', where, long, 'INVALID_DATA')
  const written = new Map<string, string | null>()
  for (const names of lines) {
    const group = names[0]!.startsWith('=') ? null : names[0]!.replace('_', ' ')
    for (const name of names.filter((name) => name !== '')) {
      const words = name.replace('=', '').replace('_', ' ')
      if (written.has(words) && written.get(words) !== group)
        throw expected('each name in one group', where, name, 'INVALID_DATA')
      written.set(words, group)
    }
  }
  // What is written says more than a plural that is made: glasses are not several of glass.
  const made = [...written].flatMap(([name, group]) => plurals(name).map((form) => [form, group] as const))
  return new Map([...made, ...written])
}

/** Of any other name -es makes another word: `skies` of ski, `cubes` of cub, `tubes` of tub. */
const PLURAL_IN_ES = /(?:[sxzo]|ch|sh)$/

function plurals(name: string): string[] {
  if (name.endsWith('y')) return [`${name}s`, `${name.slice(0, -1)}ies`]
  return PLURAL_IN_ES.test(name) ? [`${name}s`, `${name}es`] : [`${name}s`]
}

export const OBJECT_GROUPS = parseGroups(GROUPS)
